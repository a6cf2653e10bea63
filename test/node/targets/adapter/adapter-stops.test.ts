/** Stops of an adapter whose answers come in whatever order a test likes. */

import type { Protocol } from 'devtools-protocol';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AdapterBreakpoints } from '#node/targets/adapter/adapter-breakpoints.ts';
import { AdapterExceptions } from '#node/targets/adapter/adapter-exceptions.ts';
import { AdapterRequests } from '#node/targets/adapter/adapter-requests.ts';
import { AdapterSources } from '#node/targets/adapter/adapter-sources.ts';
import { AdapterStops } from '#node/targets/adapter/adapter-stops.ts';
import { AdapterValues } from '#node/targets/adapter/adapter-values.ts';
import { failure } from '#test/node/failure.ts';

interface Asked {
  readonly seq: number;
  readonly command: string;
  readonly arguments?: Record<string, unknown>;
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class PlayedAdapter {
  readonly asked: Asked[] = [];
  /** Stops and `running`, as they were told; why one could not be read. */
  readonly told: string[] = [];
  readonly events: Protocol.Debugger.PausedEvent[] = [];
  readonly requests = new AdapterRequests('toy', (message) => this.#take(message as Asked));
  readonly stops: AdapterStops;
  /** Commands that wait for {@link answer}. */
  readonly held = new Set<string>();
  readonly refused = new Set<string>();
  frame = 'main';

  constructor() {
    const { requests } = this;
    this.stops = new AdapterStops({
      requests,
      sources: new AdapterSources(requests, () => undefined),
      values: new AdapterValues(requests),
      breakpoints: new AdapterBreakpoints(requests),
      exceptions: new AdapterExceptions(requests, {}),
      onPaused: (event) => {
        this.events.push(event);
        this.told.push(event.callFrames[0]?.functionName ?? '');
      },
      onResumed: () => this.told.push('running'),
      onUnreadable: (error) => this.told.push(error.message),
    });
  }

  /** A thread stops, for a step unless it is said why else. */
  stopped(threadId: number, reason = 'step'): Promise<void> {
    this.requests.receive({ seq: 0, type: 'event', event: 'stopped', body: { reason, threadId } });
    return settle();
  }

  answer(command: string): void {
    const asked = this.asked.findLast((each) => each.command === command);
    if (asked !== undefined) this.#answer(asked);
  }

  /** Commands asked since the last call, with the thread they are about. */
  get commands(): string[] {
    return this.asked.splice(0).map(({ command, arguments: args }) => `${command} ${args?.['threadId'] ?? ''}`.trim());
  }

  #take(message: Asked): void {
    this.asked.push(message);
    if (!this.held.has(message.command)) this.#answer(message);
  }

  #answer({ seq, command }: Asked): void {
    const stack = { stackFrames: [{ id: 7, name: this.frame, line: 3, column: 1 }] };
    const body = command === 'stackTrace' ? stack : command === 'threads' ? { threads: [{ id: 4 }] } : { scopes: [] };
    const success = !this.refused.has(command);
    this.requests.receive({ seq: 0, type: 'response', request_seq: seq, command, success, body, message: 'no' });
  }
}

test('all threads stop together: the first that says so is shown, and it is the one that is moved on', async () => {
  const adapter = new PlayedAdapter();
  await adapter.stopped(2);
  await adapter.stopped(3);
  assert.equal(adapter.told, ['main']);
  assert.is(adapter.stops.frameId('frame-0'), 7);
  adapter.commands;
  await adapter.stops.move('next', {});
  assert.equal(adapter.commands, ['next 2']);
  assert.equal(adapter.told, ['main', 'running']);
  assert.is((await failure(() => adapter.stops.move('next', {}))).code, 'NOT_PAUSED');
  assert.throws(() => adapter.stops.frameId('frame-0'), /moved on/);
});

test('a stop that overtakes the answer of what led to it stays', async () => {
  const adapter = new PlayedAdapter();
  await adapter.stopped(2);
  adapter.held.add('next');
  const moved = adapter.stops.move('next', {});
  adapter.frame = 'total';
  await adapter.stopped(2);
  adapter.answer('next');
  await moved;
  assert.equal(adapter.told, ['main', 'running', 'total']);
  assert.is(adapter.stops.frameId('frame-0'), 7);
});

test('a move that the adapter refuses leaves the program standing', async () => {
  const adapter = new PlayedAdapter();
  await adapter.stopped(2);
  adapter.refused.add('stepIn');
  assert.is((await failure(() => adapter.stops.move('stepIn', {}))).code, 'EVALUATION_FAILED');
  await adapter.stopped(3);
  assert.equal(adapter.told, ['main'], 'another thread is no new stop');
  await adapter.stops.move('continue', {});
  assert.equal(adapter.told, ['main', 'running']);
});

test('a program of which nobody can say where it stands is moved on', async () => {
  const adapter = new PlayedAdapter();
  adapter.refused.add('stackTrace');
  await adapter.stopped(2, 'breakpoint');
  assert.equal(adapter.commands, ['stackTrace 2', 'continue 2']);
  assert.equal(adapter.told, ['no']);
});

test('a look that is overtaken by the next stop tells nothing', async () => {
  const adapter = new PlayedAdapter();
  adapter.held.add('stackTrace');
  await adapter.stopped(2);
  const [first] = adapter.asked;
  adapter.held.clear();
  adapter.frame = 'total';
  await adapter.stopped(3);
  const late = { stackFrames: [{ id: 1, name: 'late', line: 1, column: 1 }] };
  adapter.requests.receive({
    seq: 0,
    type: 'response',
    request_seq: first?.seq,
    command: 'stackTrace',
    success: true,
    body: late,
  });
  await settle();
  assert.equal(adapter.told, ['total']);
});

test('the stop where somebody wanted it to begin is an entry, once', async () => {
  const adapter = new PlayedAdapter();
  await adapter.stops.stopAtEntry('main');
  await adapter.stopped(2, 'function breakpoint');
  await adapter.stops.move('continue', {});
  await adapter.stopped(2, 'function breakpoint');
  assert.equal(
    adapter.events.map(({ reason }) => reason),
    ['Break on start', 'other'],
  );
  assert.is(adapter.commands.filter((command) => command === 'setFunctionBreakpoints').length, 2, 'set and taken out');
});

test.run();
