/** `watch`: the live view on a terminal, one line per event elsewhere. */

import type { TopicMessage } from '#client/sdk/subscription.ts';
import type { CommandHandler } from '../command-spec.ts';
import type { CliContext } from '../context.ts';
import { ExitCode } from '../exit-codes.ts';
import { matchTarget } from '../lookup.ts';
import { eventLine } from '../watch/event-line.ts';
import { loadSnapshot } from '../watch/load.ts';
import { WATCHED_TOPICS, WatchState } from '../watch/state.ts';

export const watch: CommandHandler = async ({ context, options }) => {
  const events = await context.subscribe(WATCHED_TOPICS, context.signal);
  const state = new WatchState();
  state.load(await loadSnapshot(context));
  const wanted = options.text('target');
  if (wanted !== undefined) state.select(matchTarget([...state.targets.values()], wanted));
  if (context.interactive) {
    const { watchOnScreen } = await import('../watch/live.ts');
    await watchOnScreen(context, await context.connect(), events, state);
  } else {
    await printEvents(context, events, state);
  }
  return ExitCode.ok;
};

async function printEvents(context: CliContext, events: AsyncIterable<TopicMessage>, state: WatchState): Promise<void> {
  const { output } = context;
  for await (const message of events) {
    state.apply(message);
    if (output.json) {
      output.print(JSON.stringify(message));
      continue;
    }
    const line = eventLine(message, state, output.colors);
    if (line !== undefined) output.print(line);
  }
}
