/** Where a program stands, with the source around it fetched from its host. */

import { SandboxError } from '#shared/errors.ts';
import type { Frame, Pause } from '#shared/model/pause.ts';
import type { CliContext } from './context.ts';
import { pauseLine } from './render/frames.ts';
import { safeLine } from './render/safe-text.ts';
import { sourceExcerpt } from './render/source-excerpt.ts';

const LINES_BEFORE = 3;
const LINES_AFTER = 3;

/** The reason line and a few source lines around. */
export async function describePause(context: CliContext, pause: Pause): Promise<string> {
  const head = pauseLine(pause, context.output.colors);
  const top = pause.frames.find((frame) => frame.internal !== true) ?? pause.frames[0];
  const excerpt = top === undefined ? [] : await frameExcerpt(context, pause, top);
  return [head, ...excerpt].join('\n');
}

/** Source around a frame's line; one dimmed line saying why when it cannot be had. */
export async function frameExcerpt(context: CliContext, pause: Pause, frame: Frame): Promise<string[]> {
  const { colors, columns } = context.output;
  if (frame.source === undefined && frame.file === undefined) return [];
  const fromLine = Math.max(1, frame.line - LINES_BEFORE);
  try {
    const { text } = await context.call('source.get', {
      target: pause.target,
      ...(frame.source === undefined ? {} : { source: frame.source }),
      ...(frame.file === undefined ? {} : { file: frame.file }),
      fromLine,
      lines: frame.line - fromLine + LINES_AFTER + 1,
    });
    const lines = text.replace(/\n$/, '').split('\n');
    return sourceExcerpt(lines, { colors, columns, fromLine, currentLine: frame.line });
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error;
    // The position is the answer; the source is a help that its host may refuse.
    return [colors.dim(`  (no source: ${safeLine(error.message)})`)];
  }
}
