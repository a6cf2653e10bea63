/** The program under measurement in a project folder of its own, and the places in it that breakpoints go to. */

import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { BenchContext } from './context.ts';
import type { Program } from './programs.ts';

export const COLD_FUNCTIONS = 100;
const PROGRAM = path.join(import.meta.dirname, 'programs/target.mjs');

export interface BenchProject {
  readonly folder: string;
  /** Command line of the program, to be run in `folder`. */
  readonly argv: readonly string[];
  /** `file:line` of the statement that GET /hit runs through. */
  readonly hitLine: string;
  /** The same of GET /hit-large. */
  readonly largeLine: string;
  /** `file:line` of the statement that GET /work runs through 100 times. */
  readonly visitLine: string;
  /** `file:line` of {@link COLD_FUNCTIONS} statements that never run. */
  readonly coldLines: readonly string[];
}

export function createProject(context: BenchContext): BenchProject {
  const folder = path.join(context.folder, 'project');
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    path.join(folder, 'package.json'),
    '{ "name": "bench-target", "version": "1.0.0", "type": "module" }\n',
  );
  copyFileSync(PROGRAM, path.join(folder, 'target.mjs'));
  const functions = Array.from(
    { length: COLD_FUNCTIONS },
    (_, n) => `export function cold${n}() {\n  return ${n};\n}\n`,
  );
  writeFileSync(path.join(folder, 'cold.mjs'), functions.join(''));
  const lines = readFileSync(PROGRAM, 'utf8').split('\n');
  const place = (mark: string): string => `target.mjs:${lines.findIndex((line) => line.includes(`// ${mark}`)) + 1}`;
  return {
    folder,
    argv: ['node', '--import', './cold.mjs', 'target.mjs'],
    hitLine: place('BREAK'),
    largeLine: place('LARGE'),
    visitLine: place('VISIT'),
    coldLines: Array.from({ length: COLD_FUNCTIONS }, (_, n) => `cold.mjs:${n * 3 + 2}`),
  };
}

/** The address the program printed when it was ready. */
export async function addressOf(program: Program): Promise<string> {
  return (await program.line(/^ready: (http:\S+)$/))[1] as string;
}

/** Sends GET /hit, or another path like it; resolves when the program has run through the line. */
export async function hit(address: string, path = '/hit'): Promise<{ hitAt: number; blockedMs: number }> {
  const response = await fetch(`${address}${path}`);
  return (await response.json()) as { hitAt: number; blockedMs: number };
}
