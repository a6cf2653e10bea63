/** The calls that the line a program stands at is yet to make, for stepping into one of them. */

import type { Protocol } from 'devtools-protocol';
import { SandboxError } from '#shared/errors.ts';
import { isSameFile } from '#shared/model/source-file.ts';
import type { CdpSession } from '../../../targets/attached-process.ts';
import type { GeneratedPosition, ScriptRegistry } from '../../source/script-registry-interface.ts';

export interface CallTarget {
  /** `total(…)` */
  readonly label: string;
  /** In the source, 1-based. */
  readonly line: number;
  readonly column: number;
  readonly at: GeneratedPosition;
}

/** Places V8 is asked for behind the current one: a bundle on one line has thousands. */
const MAX_LOOKED_AT = 200;
const MAX_CALLS = 40;
/** Lines of generated code that one line of source may become. */
const LINES_AHEAD = 50;
const MAX_LABEL_LENGTH = 60;

export async function callTargets(
  cdp: CdpSession,
  registry: ScriptRegistry,
  { location }: Pick<Protocol.Debugger.CallFrame, 'location'>,
): Promise<CallTarget[]> {
  const { scriptId, lineNumber, columnNumber = 0 } = location;
  const here = await registry.locate({ scriptId, lineNumber, columnNumber });
  const [{ locations }, { scriptSource }] = await Promise.all([
    cdp.send('Debugger.getPossibleBreakpoints', {
      start: { scriptId, lineNumber, columnNumber },
      end: { scriptId, lineNumber: lineNumber + LINES_AHEAD, columnNumber: 0 },
      restrictToFunction: true,
    }),
    cdp.send('Debugger.getScriptSource', { scriptId }),
  ]);
  const lines = scriptSource.split('\n');
  const calls: CallTarget[] = [];
  for (const { lineNumber: line, columnNumber: column = 0, type } of locations.slice(0, MAX_LOOKED_AT)) {
    if (type !== 'call' || calls.length >= MAX_CALLS) continue;
    const at = { scriptId, lineNumber: line, columnNumber: column };
    const found = await registry.locate(at);
    const isSame = found.line === here.line && (!found.file || !here.file || isSameFile(found.file, here.file));
    const label = isSame ? labelAt(lines[line] ?? '', column) : undefined;
    if (label !== undefined) calls.push({ label, line: found.line, column: found.column, at });
  }
  return calls;
}

/**
 * Where a step into one of the line's calls goes first.
 *
 * @param here where the program stands
 * @returns undefined: it stands right at it, or it is the first that comes
 * @throws {SandboxError} BAD_ARGUMENT
 */
export function placeOfCall(
  calls: readonly CallTarget[],
  call: number,
  here: Protocol.Debugger.Location | undefined,
): GeneratedPosition | undefined {
  const found = calls[call];
  if (found === undefined) {
    throw new SandboxError('BAD_ARGUMENT', `Cannot step into call ${call}: the line has ${calls.length} left`);
  }
  return isAt(found.at, here) ? undefined : found.at;
}

/** Whether the program stands at a place. */
export function isAt(place: GeneratedPosition, here: Protocol.Debugger.Location | undefined): boolean {
  return (
    place.scriptId === here?.scriptId &&
    place.lineNumber === here.lineNumber &&
    place.columnNumber === (here.columnNumber ?? 0)
  );
}

/** V8 points at the name that is called, or at the `new` before it. */
function labelAt(line: string, column: number): string | undefined {
  const name = /^(?:new\s+)?[\p{ID_Start}$_#][\p{ID_Continue}$.]*/u.exec(line.slice(column, column + 200))?.[0];
  if (name === undefined) return undefined;
  return `${name.length > MAX_LABEL_LENGTH ? `${name.slice(0, MAX_LABEL_LENGTH)}…` : name}(…)`;
}
