/** `pause`, `resume` and `step`. */

import { setTimeout as delay } from 'node:timers/promises';
import type { STEP_KINDS } from '#protocol/catalogue/debug-commands.ts';
import type { Pause } from '#shared/model/pause.ts';
import type { CommandHandler } from '../command-spec.ts';
import type { CliContext } from '../context.ts';
import { ExitCode } from '../exit-codes.ts';
import { findTarget } from '../lookup.ts';
import { describePause } from '../pause-text.ts';

/** A program that idles in its event loop stops at its next statement only: that may never come. */
const PAUSE_WAIT_MS = 1_500;

export const pause: CommandHandler = async ({ context, options }) => {
  const target = await findTarget(context, options.text('target'));
  const client = await context.connect();
  const stop = new AbortController();
  const pauses = client.subscribe('pauses', { ...(await context.scope()), signal: stop.signal });
  const result = await context.call('execution.pause', target === undefined ? {} : { target });
  if (context.output.json) {
    context.output.result(result, () => '');
    stop.abort();
    return ExitCode.ok;
  }
  const firstPause = async (): Promise<Pause | undefined> => {
    for await (const { event } of pauses) {
      if (event.pause !== null && (target === undefined || event.target === target)) return event.pause;
    }
    return undefined;
  };
  const timer = delay(PAUSE_WAIT_MS, undefined, { signal: stop.signal }).catch(() => undefined);
  const stopped = await Promise.race([firstPause(), timer]);
  stop.abort();
  context.output.print(
    stopped === undefined
      ? 'Asked: it stops at its next statement (an idle server: with the next request). See "sandmesh watch".'
      : await describePause(context, stopped),
  );
  return ExitCode.ok;
};

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
