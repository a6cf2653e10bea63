/**
 * What a daemon that was killed has left in a program: code of probes in scripts, and texts with such code that V8 goes on
 * telling of as scripts although others took their place. It is asked for before the scripts are told, so that everybody knows them as they were written.
 */

import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { CdpSession } from '../../../targets/attached-process.ts';
import { RUNTIME_NAME } from './probe-runtime.ts';

/** The program's word. */
const leftSchema = z.object({
  sources: z.record(z.string().max(40), z.string()),
  asides: z.array(z.string().max(64)),
});

export interface LeftText {
  readonly text: string;
  /** As V8 has it of a script. */
  readonly hash: string;
}

export interface LeftCode {
  /** Of scripts that hold code, as they were, by script id. */
  readonly texts: ReadonlyMap<string, LeftText>;
  /** Hashes of what is no script of the program's. */
  readonly asides: ReadonlySet<string>;
}

/**
 * @param cdp of a program in which code may run
 * @returns undefined: there is nothing
 */
export async function findLeftCode(cdp: CdpSession): Promise<LeftCode | undefined> {
  const expression = `globalThis.${RUNTIME_NAME}?.left?.()`;
  const { result } = await cdp.send('Runtime.evaluate', { expression, returnByValue: true, silent: true });
  const left = typeof result.value === 'string' ? parse(result.value) : undefined;
  if (left === undefined) return undefined;
  const texts = Object.entries(left.sources).map(([id, text]) => [id, { text, hash: hashOfText(text) }] as const);
  return { texts: new Map(texts), asides: new Set(left.asides) };
}

/** As V8 tells it of a script. */
export function hashOfText(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function parse(text: string): z.output<typeof leftSchema> | undefined {
  try {
    return leftSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined; // the program has something of its own under that name
  }
}
