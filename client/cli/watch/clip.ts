/** Cuts a coloured line to a number of terminal columns. */

import stringWidth from 'string-width';

const ESCAPE = '\u001b';
const SEQUENCE = new RegExp(`${ESCAPE}\\[[0-9;]*m`, 'y');
const RESET = `${ESCAPE}[0m`;
const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** Colour sequences take no room and are closed by a reset; wide characters count double and are never split. */
export function clip(line: string, columns: number): string {
  let kept = '';
  let width = 0;
  let coloured = false;
  let at = 0;
  while (at < line.length) {
    SEQUENCE.lastIndex = at;
    const sequence = SEQUENCE.exec(line)?.[0];
    if (sequence !== undefined) {
      kept += sequence;
      coloured = true;
      at += sequence.length;
      continue;
    }
    const next = line.indexOf(ESCAPE, at + 1);
    for (const { segment } of graphemes.segment(line.slice(at, next === -1 ? line.length : next))) {
      width += segment.length === 1 && segment < '\u007f' ? 1 : stringWidth(segment);
      if (width > columns) return coloured ? kept + RESET : kept;
      kept += segment;
    }
    at = next === -1 ? line.length : next;
  }
  return coloured ? kept + RESET : kept;
}
