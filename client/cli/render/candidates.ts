/** Processes that could be attached to, as a table. */

import type { ProcessCandidate } from '#shared/model/target.ts';
import type { Colors } from '../output.ts';
import { safeLine } from './safe-text.ts';
import { cut } from './source-excerpt.ts';
import { table } from './table.ts';

export function candidateTable(processes: readonly ProcessCandidate[], colors: Colors): string {
  const rows = processes.map((candidate) => [
    String(candidate.pid),
    cut(safeLine(candidate.command), 60),
    safeLine(candidate.cwd ?? ''),
    candidate.obstacle === undefined ? colors.green('can be attached to') : colors.dim(safeLine(candidate.obstacle)),
  ]);
  return table(['PID', 'COMMAND', 'FOLDER', ''], rows, colors);
}
