/** A pause and its frames as text. */

import type { Frame, Pause } from '#shared/model/pause.ts';
import { formatSourceFile } from '#shared/model/source-file.ts';
import type { Colors } from '../output.ts';
import { safeLine } from './safe-text.ts';

const REASONS: Readonly<Record<Pause['reason'], string>> = {
  breakpoint: 'at a breakpoint',
  step: 'after a step',
  exception: 'on an exception',
  'pause-command': 'on request',
  'debugger-statement': 'at a debugger statement',
  entry: 'at its first line',
  other: 'for another reason',
};

/** `src/cart.ts:42:7`, or `<no file>:1:1` for code without one. */
export function formatPosition(frame: Pick<Frame, 'file' | 'line' | 'column'>): string {
  const file = frame.file === undefined ? '<no file>' : safeLine(formatSourceFile(frame.file));
  return `${file}:${frame.line}:${frame.column}`;
}

/** `paused at a breakpoint in total() src/cart.ts:42:7`, with the thrown value when there is one. */
export function pauseLine(pause: Pause, colors: Colors): string {
  const top = pause.frames.find((frame) => frame.internal !== true) ?? pause.frames[0];
  const thread = pause.thread === 'main' ? '' : ` in thread ${safeLine(pause.thread)}`;
  const where = top === undefined ? '' : ` in ${functionName(top)} ${colors.cyan(formatPosition(top))}`;
  const detail = pause.detail === undefined ? '' : `: ${colors.red(safeLine(pause.detail))}`;
  const held = pause.heldBy === undefined ? '' : `, held by member ${pause.heldBy}`;
  return `${colors.yellow('paused')} ${REASONS[pause.reason]}${held}${thread}${where}${detail}`;
}

export function functionName(frame: Pick<Frame, 'functionName'>): string {
  if (frame.functionName === '') return '(top level)';
  const name = safeLine(frame.functionName);
  // `(anonymous)` says what it is.
  return name.startsWith('(') ? name : `${name}()`;
}

export interface StackOptions {
  readonly colors: Colors;
  /** Node's own frames too. */
  readonly all?: boolean;
  /** Frame looked at, marked. */
  readonly selected?: number;
  readonly limit?: number;
}

/** One line per frame, function names aligned, hidden and cut frames counted. */
export function stackLines(pause: Pause, options: StackOptions): string[] {
  const { colors, all = false, selected = 0 } = options;
  const shown = pause.frames.filter((frame) => all || frame.internal !== true || frame.index === selected);
  const limited = shown.slice(0, options.limit ?? shown.length);
  const nameWidth = Math.min(36, Math.max(0, ...limited.map((frame) => functionName(frame).length)));
  const indexWidth = String(limited.at(-1)?.index ?? 0).length;
  const lines = limited.map((frame) => {
    const marker = frame.index === selected ? colors.yellow('>') : ' ';
    const index = colors.dim(`#${String(frame.index).padEnd(indexWidth)}`);
    const name = functionName(frame).padEnd(nameWidth);
    const position = formatPosition(frame);
    const text = frame.internal === true ? colors.dim(`${name}  ${position}`) : `${name}  ${colors.cyan(position)}`;
    return `${marker} ${index} ${text}`;
  });
  const internal = pause.frames.length - shown.length;
  const deeper = pause.totalFrames - pause.frames.length + (shown.length - limited.length);
  const notes = [
    internal > 0 ? `${internal} of Node itself (--all)` : undefined,
    deeper > 0 ? `${deeper} more below` : undefined,
  ].filter((note) => note !== undefined);
  if (notes.length > 0) lines.push(colors.dim(`  … ${notes.join(', ')}`));
  return lines;
}
