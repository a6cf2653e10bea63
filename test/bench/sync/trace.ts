/**
 * The editing trace: hundreds of thousands of single keystrokes. A recorded one is read from a file in the format of
 * the public editing-traces collection; without one, a trace of the same shape is made from this repository's own
 * documents by a seeded typist.
 */

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';

/** Position, characters removed there, text inserted there. */
export type TextEdit = readonly [at: number, remove: number, insert: string];

export interface Trace {
  readonly edits: readonly TextEdit[];
  readonly endLength: number;
  /** For the report. */
  readonly origin: string;
}

/** Path of a recorded trace (JSON, gzip allowed): `{txns: [{patches: [[at, remove, insert], …]}, …], endContent}`. */
export const TRACE_VARIABLE = 'SANDMESH_BENCH_TRACE';

/** Keystrokes and final length of the best-known recording, a paper typed in LaTeX. */
const EDITS = 259_778;
const END_LENGTH = 104_852;
const SOURCES = ['README.md', 'ARCHITECTURE.md', 'SECURITY.md', 'protocol/PROTOCOL.md', 'CONTRIBUTING.md'];

export function loadTrace(root: string, file = process.env[TRACE_VARIABLE]): Trace {
  if (file !== undefined && file !== '') return readTrace(file);
  return makeTrace(SOURCES.map((name) => readFileSync(path.join(root, name), 'utf8')).join('\n'));
}

function readTrace(file: string): Trace {
  const bytes = readFileSync(file);
  const json = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  const recorded: { txns: { patches: TextEdit[] }[]; endContent: string } = JSON.parse(json);
  return {
    edits: recorded.txns.flatMap((transaction) => transaction.patches),
    endLength: recorded.endContent.length,
    origin: `recorded: ${path.basename(file)}`,
  };
}

/** Types forwards, corrects itself, and jumps to another place now and then. */
function makeTrace(source: string): Trace {
  const random = seeded(20_260);
  const edits: TextEdit[] = [];
  let length = 0;
  let cursor = 0;
  let read = 0;
  while (edits.length < EDITS) {
    if (random() < 0.005) cursor = Math.floor(random() * (length + 1));
    // as many removals as leave the text at the recording's length
    const typos = (EDITS - END_LENGTH) / 2 / (EDITS - (EDITS - END_LENGTH) / 2);
    if (cursor > 0 && random() < typos / (1 + typos)) {
      cursor--;
      length--;
      edits.push([cursor, 1, '']);
      continue;
    }
    edits.push([cursor, 0, source[read++ % source.length] as string]);
    cursor++;
    length++;
  }
  return { edits, endLength: length, origin: 'made by a seeded typist from this repository’s documents' };
}

/** mulberry32 */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
