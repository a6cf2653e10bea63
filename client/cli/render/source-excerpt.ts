/** Source lines with numbers and a marker on the current one. */

import type { Colors } from '../output.ts';
import { safeText } from './safe-text.ts';

export interface ExcerptOptions {
  readonly colors: Colors;
  /** Number of `lines[0]`, 1-based. */
  readonly fromLine: number;
  /** Line to mark, 1-based. */
  readonly currentLine?: number | undefined;
  /** Longer lines are cut to the terminal. */
  readonly columns: number;
  /** Lines with a breakpoint. */
  readonly breakpoints?: ReadonlySet<number>;
}

const TAB = '    ';

/** One output line per source line: `> 42 | code`, a dot where a breakpoint stands. */
export function sourceExcerpt(lines: readonly string[], options: ExcerptOptions): string[] {
  const { colors, fromLine, currentLine, columns, breakpoints } = options;
  const width = String(fromLine + lines.length - 1).length;
  const room = Math.max(20, columns - width - 6);
  return lines.map((line, index) => {
    const number = fromLine + index;
    const current = number === currentLine;
    const dot = breakpoints?.has(number) ? colors.red('●') : ' ';
    const marker = current ? colors.yellow('>') : ' ';
    const text = cut(safeText(line.replaceAll('\t', TAB)), room);
    const gutter = `${marker}${dot}${String(number).padStart(width)} `;
    return current ? `${gutter}${colors.dim('│')} ${colors.bold(text)}` : colors.dim(`${gutter}│ `) + text;
  });
}

/** Cuts to `room` UTF-16 units with an ellipsis; never in the middle of a surrogate pair. */
export function cut(text: string, room: number): string {
  if (text.length <= room) return text;
  const end = room - 1;
  const code = text.charCodeAt(end - 1);
  return `${text.slice(0, code >= 0xd800 && code < 0xdc00 ? end - 1 : end)}…`;
}
