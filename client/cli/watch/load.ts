/** Fetches what `watch` shows: the snapshot, and source around a frame. */

import { SandboxError } from '#shared/errors.ts';
import type { TargetId } from '#shared/ids.ts';
import type { Frame } from '#shared/model/pause.ts';
import type { CliContext } from '../context.ts';
import type { WatchSnapshot } from './state.ts';
import type { ShownSource } from './view.ts';

const OUTPUT_LINES = 100;
/** More than the tallest terminal shows on either side. */
const SOURCE_MARGIN = 100;
const KEPT_SOURCES = 50;

export async function loadSnapshot(context: CliContext): Promise<WatchSnapshot> {
  const [title, { targets }, { members }, { breakpoints }, { requests }] = await Promise.all([
    sandboxName(context),
    context.call('target.list', {}),
    context.call('member.list', {}),
    context.call('breakpoint.list', {}),
    context.call('request.list', {}),
  ]);
  const outputs = await Promise.all(
    targets.map(({ id }) =>
      // A target whose host is away keeps its output to itself.
      context.call('output.read', { target: id, limit: OUTPUT_LINES }).catch(() => ({ lines: [] })),
    ),
  );
  return { title, targets, members, breakpoints, requests, output: outputs.flatMap(({ lines }) => lines) };
}

async function sandboxName(context: CliContext): Promise<string> {
  const [{ sandboxes }, { sandbox, folder }] = await Promise.all([context.call('sandbox.list', {}), context.scope()]);
  const fits = sandboxes.filter((candidate) =>
    sandbox === undefined ? candidate.folder === folder : candidate.id === sandbox,
  );
  return (fits[0] ?? (sandboxes.length === 1 ? sandboxes[0] : undefined))?.name ?? '';
}

/** Source windows by content hash and place: a text with the same hash never changes. */
export class SourceWindows {
  readonly #context: CliContext;
  readonly #changed: () => void;
  readonly #windows = new Map<string, ShownSource | undefined>();

  /** @param changed called when a window that was missing has come */
  constructor(context: CliContext, changed: () => void) {
    this.#context = context;
    this.#changed = changed;
  }

  /** The window around a frame's line; undefined while it is being fetched. */
  around(target: TargetId, frame: Frame): ShownSource | undefined {
    if (frame.source === undefined && frame.file === undefined) return { why: 'this code has no file' };
    const block = Math.floor(frame.line / SOURCE_MARGIN);
    const key = `${frame.source ?? `${target} ${frame.file?.package ?? ''} ${frame.file?.path ?? ''}`} ${block}`;
    if (!this.#windows.has(key)) {
      this.#windows.set(key, undefined);
      const oldest = this.#windows.keys().next().value;
      if (this.#windows.size > KEPT_SOURCES && oldest !== undefined) this.#windows.delete(oldest);
      void this.#fetch(key, target, frame, Math.max(1, (block - 1) * SOURCE_MARGIN));
    }
    return this.#windows.get(key);
  }

  async #fetch(key: string, target: TargetId, frame: Frame, fromLine: number): Promise<void> {
    try {
      const { text } = await this.#context.call('source.get', {
        target,
        ...(frame.source === undefined ? {} : { source: frame.source }),
        ...(frame.file === undefined ? {} : { file: frame.file }),
        fromLine,
        lines: SOURCE_MARGIN * 3,
      });
      this.#windows.set(key, { lines: text.split('\n'), fromLine });
    } catch (error) {
      this.#windows.set(key, { why: SandboxError.from(error).message });
    }
    this.#changed();
  }
}
