/**
 * Values put where code finds them: what is evaluated reaches an object that a client holds by a name only, and V8 lets no
 * call that takes objects have a time limit.
 */

import { randomBytes } from 'node:crypto';
import type { Protocol } from 'devtools-protocol';
import { SandboxError } from '#shared/errors.ts';
import { contextOf } from '../inspection-tool/installed-tool.ts';
import type { InspectedProcess } from './virtual-session.ts';

export interface PutAside {
  /** Gives an array of the values. */
  readonly expression: string;
  readonly contextId: number | undefined;
  /** Nobody waits for it. */
  takeBack(): void;
}

/**
 * @param beside an object of the context in which the code will run; undefined: the program's own
 * @throws {SandboxError} EVALUATION_FAILED where the program lets nothing be added
 */
export async function putAside(
  process: InspectedProcess,
  beside: string | undefined,
  values: readonly Protocol.Runtime.CallArgument[],
): Promise<PutAside> {
  const { cdp } = process;
  const objectId = await process.tool(beside);
  const key = `sandmesh:${randomBytes(8).toString('hex')}`;
  const { exceptionDetails } = await cdp.send('Runtime.callFunctionOn', {
    objectId,
    functionDeclaration: PUT_ASIDE,
    arguments: [{ value: key }, ...values],
    silent: true,
    returnByValue: true,
  });
  if (exceptionDetails !== undefined) {
    throw new SandboxError('EVALUATION_FAILED', 'Cannot run this code: the program lets nothing be put aside for it');
  }
  return {
    expression: `globalThis[${JSON.stringify(key)}]`,
    contextId: contextOf(objectId),
    takeBack: () => {
      const args = { objectId, functionDeclaration: TAKE_BACK, arguments: [{ value: key }], silent: true };
      // The target may be gone, and the key with it.
      cdp.send('Runtime.callFunctionOn', args).catch(() => undefined);
    },
  };
}

const PUT_ASIDE = `function (key, ...values) {
  Object.defineProperty(globalThis, key, { __proto__: null, value: values, configurable: true });
}`;
const TAKE_BACK = 'function (key) { delete globalThis[key]; }';
