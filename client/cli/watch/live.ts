/** Runs the live view: events change the state, the state is painted, keys act. */

import type { SandmeshClient } from '#client/sdk/client.ts';
import type { TopicMessage } from '#client/sdk/subscription.ts';
import type { CliContext } from '../context.ts';
import { WatchActions } from './actions.ts';
import { keyActions, type WatchAction } from './keys.ts';
import { loadSnapshot, SourceWindows } from './load.ts';
import { Screen } from './screen.ts';
import type { WatchState } from './state.ts';
import { watchLines } from './view.ts';

/** 30 pictures a second are smooth, and bound the work under a flood of output. */
const FRAME_MS = 33;

/** Returns when the person quits or the process is told to end; the terminal is restored by then. */
export async function watchOnScreen(
  context: CliContext,
  client: SandmeshClient,
  events: AsyncIterableIterator<TopicMessage>,
  state: WatchState,
): Promise<void> {
  const { colors } = context.output;
  let timer: NodeJS.Timeout | undefined;
  let told = '';
  const changed = (): void => {
    timer ??= setTimeout(paint, FRAME_MS);
  };
  const sources = new SourceWindows(context, changed);
  const actions = new WatchActions(context, state, changed);
  const paint = (): void => {
    timer = undefined;
    const frame = state.currentFrame;
    const source = frame && state.selected ? sources.around(state.selected, frame) : undefined;
    screen.paint(watchLines(state, source, screen.size, colors));
    actions.painted();
    told = tellPresence(context, state, told);
  };
  const act = (action: WatchAction): void => {
    if (action === 'quit') return void events.return?.();
    if (action === 'suspend') return screen.suspend();
    if (action === 'next-target') state.selectNext();
    else if (action === 'frame-up') state.moveFrame(-1);
    else if (action === 'frame-down') state.moveFrame(1);
    else return void actions.run(action);
    changed();
  };
  const screen = new Screen(
    { stdin: process.stdin, stdout: process.stdout },
    (keys) => {
      for (const action of keyActions(keys)) act(action);
    },
    changed,
  );
  client.events.on('lost', () => {
    state.connected = false;
    changed();
  });
  client.events.on('connected', async () => {
    try {
      state.load(await loadSnapshot(context));
    } catch (error) {
      // Lost again before it answered: the next reconnection loads it.
      state.message = { level: 'warn', text: String(error) };
    }
    changed();
  });
  screen.start();
  try {
    paint();
    for await (const message of events) {
      state.apply(message);
      changed();
    }
  } finally {
    clearTimeout(timer);
    screen.stop();
  }
}

/** @returns what the others know now; they hear of a change of place only */
function tellPresence(context: CliContext, state: WatchState, told: string): string {
  const frame = state.currentFrame;
  const target = state.selected;
  const place = {
    client: 'watch',
    ...(target === undefined ? {} : { target }),
    ...(frame === undefined ? {} : { frame: frame.index }),
    ...(frame?.file === undefined ? {} : { file: frame.file, line: Math.max(1, frame.line) }),
  };
  const key = JSON.stringify(place);
  // Ephemeral: told again with the next move.
  if (key !== told) context.call('presence.set', place).catch(() => undefined);
  return key;
}
