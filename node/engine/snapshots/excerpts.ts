/** Source lines around where each frame stood, as far as this host serves them. */

import type { Pause } from '#shared/model/pause.ts';
import type { Excerpt, SnapshotContent } from '#shared/model/snapshot.ts';
import type { DebugEngine } from '../debug/debug-engine.ts';

const FRAMES = 8;
const LINES_AROUND = 8;
const MAX_LINE_LENGTH = 400;

export async function excerptsOf(engine: DebugEngine, pause: Pause): Promise<SnapshotContent['excerpts']> {
  const excerpts: SnapshotContent['excerpts'] = {};
  const own = pause.frames.filter(({ internal, source }) => internal !== true && source !== undefined);
  for (const { index, source, line } of own.slice(0, FRAMES)) {
    try {
      const { text } = await engine.hosted(pause.target).session.registry.text({ source: source as never });
      excerpts[String(index)] = excerptOf(text, line);
    } catch {
      // Never served, or the program has ended: the position says where it was.
    }
  }
  return excerpts;
}

function excerptOf(text: string, line: number): Excerpt {
  const fromLine = Math.max(1, line - LINES_AROUND);
  const lines = text.split('\n', line + LINES_AROUND).slice(fromLine - 1);
  return { fromLine, lines: lines.map((each) => each.slice(0, MAX_LINE_LENGTH)) };
}
