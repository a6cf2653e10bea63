/** `pause`, `resume` and `step`. */

import { setTimeout as delay } from 'node:timers/promises';
import type { TopicMessage } from '#client/sdk/subscription.ts';
import type { STEP_KINDS } from '#protocol/catalogue/debug-commands.ts';
import type { TargetId } from '#shared/ids.ts';
import type { Pause } from '#shared/model/pause.ts';
import type { CommandHandler } from '../command-spec.ts';
import type { CliContext } from '../context.ts';
import { ExitCode } from '../exit-codes.ts';
import { findTarget } from '../lookup.ts';
import { describePause } from '../pause-text.ts';

/** A program that idles in its event loop stops at its next statement only: that may never come. */
const PAUSE_WAIT_MS = 1_500;
const NOT_YET =
  'Asked: it stops at its next statement (an idle server: with the next request); "sandmesh resume" takes it back.';

export const pause: CommandHandler = async ({ context, options }) => {
  const target = await findTarget(context, options.text('target'));
  const stop = new AbortController();
  const pauses = await context.subscribe('pauses', stop.signal);
  try {
    const result = await context.call('execution.pause', target === undefined ? {} : { target });
    const stopped = context.output.json ? undefined : await firstPause(pauses, target, stop.signal);
    const text = stopped === undefined ? NOT_YET : await describePause(context, stopped);
    context.output.result(result, () => text);
    return ExitCode.ok;
  } finally {
    stop.abort();
  }
};

async function firstPause(
  pauses: AsyncIterable<TopicMessage<'pauses'>>,
  target: TargetId | undefined,
  signal: AbortSignal,
): Promise<Pause | undefined> {
  const next = async (): Promise<Pause | undefined> => {
    for await (const { event } of pauses) {
      if (event.pause !== null && (target === undefined || event.target === target)) return event.pause;
    }
    return undefined;
  };
  return Promise.race([next(), delay(PAUSE_WAIT_MS, undefined, { signal }).catch(() => undefined)]);
}

export const resume: CommandHandler = async ({ context, options }) => {
  const target = await findTarget(context, options.text('target'));
  const result = await context.call('execution.resume', target === undefined ? {} : { target });
  context.output.result(result, () => 'It runs on.');
  return ExitCode.ok;
};

export const step: CommandHandler = async ({ context, args, options }) => {
  const target = await findTarget(context, options.text('target'));
  const kind = (args[0] ?? 'over') as (typeof STEP_KINDS)[number];
  const result = await context.call('execution.step', { kind, ...(target === undefined ? {} : { target }) });
  const text = context.output.json ? '' : await afterStep(context, result.pause);
  context.output.result(result, () => text);
  return ExitCode.ok;
};

async function afterStep(context: CliContext, stopped: Pause | null): Promise<string> {
  if (stopped === null) return 'It ran on: back in its event loop, or at its end.';
  return describePause(context, stopped);
}
