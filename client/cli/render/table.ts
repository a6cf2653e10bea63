/** Borderless tables that fit the terminal. */

import CliTable from 'cli-table3';
import type { Colors } from '../output.ts';

const NO_BORDERS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** @param rows cells already coloured and made safe; colour sequences do not count as width */
export function table(head: readonly string[], rows: readonly (readonly string[])[], colors: Colors): string {
  const grid = new CliTable({
    head: head.map((title) => colors.dim(title)),
    chars: NO_BORDERS,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [], compact: true },
  });
  for (const row of rows) grid.push([...row]);
  return grid
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
