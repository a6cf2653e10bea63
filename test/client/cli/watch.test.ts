import pc from 'picocolors';
import stringWidth from 'string-width';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { clip } from '#client/cli/watch/clip.ts';
import { keyActions } from '#client/cli/watch/keys.ts';
import { type WatchSnapshot, WatchState } from '#client/cli/watch/state.ts';
import { watchLines } from '#client/cli/watch/view.ts';
import type { TopicMessage } from '#client/sdk/subscription.ts';
import type { TopicName } from '#protocol/topics.ts';
import { SANDBOX } from '../fake-daemon.ts';
import { breakpoint, members, pause, request, sourceText, TARGET_ID, target, targetView } from '../samples.ts';

const plain = pc.createColors(false);

/** Sample data carries no brands; the catalogue's schemas check it elsewhere. */
function snapshot(part: object = {}): WatchSnapshot {
  const whole = { title: 'shop', targets: [targetView], members, breakpoints: [breakpoint], requests: [], output: [] };
  return { ...whole, ...part } as unknown as WatchSnapshot;
}

function stateOf(part: object = {}): WatchState {
  const state = new WatchState();
  state.load(snapshot(part));
  return state;
}

let sequence = 0;
function message(topic: TopicName, event: object): TopicMessage {
  return { topic, event, sandbox: SANDBOX, sequence: sequence++ } as unknown as TopicMessage;
}

const source = { lines: sourceText, fromLine: 1 };
const lineOf = (n: number, text: string) => ({ target: TARGET_ID, sequence: n, stream: 'log', text, at: 1 });
const draw = (state: WatchState, columns = 100, rows = 40) => watchLines(state, source, { columns, rows }, plain);

test('the view shows who is here, the programs, the stop, its source with the breakpoint, and the frames', () => {
  const state = stateOf({ output: [lineOf(1, 'served 11')] });
  const text = draw(state).join('\n');
  assert.match(text, '● ada owner, you');
  assert.match(text, '● bob debugger, src/cart.ts:40 (watch)');
  assert.match(text, '> shop of ada (you)  paused src/cart.ts:42:7  87 MB, 3 % cpu, bob drives');
  assert.match(text, '>●42 │ const line42 = 42;');
  assert.match(text, '> #0 total()');
  assert.match(text, 'served 11');
});

test('it fills the screen exactly, at any size', () => {
  const state = stateOf({
    requests: [request],
    output: Array.from({ length: 80 }, (_, n) => lineOf(n, 'x'.repeat(n * 5))),
  });
  for (const [columns, rows] of [
    [132, 50],
    [80, 24],
    [40, 12],
    [20, 5],
    [10, 2],
  ] as const) {
    const lines = draw(state, columns, rows);
    assert.is(lines.length, rows, `${columns}×${rows}`);
    for (const line of lines) assert.ok(stringWidth(line) <= columns, line);
  }
});

test('a request shows with what is at stake and the keys that answer it; the oldest first', () => {
  const younger = { ...request, id: 'younger', name: 'dave', at: request.at + 1 };
  const text = draw(stateOf({ requests: [younger, request] })).join('\n');
  assert.match(text, '? carol (0011 2233 4455 6677) wants to join as debugger (and 1 more)  a approve, d deny');
  assert.match(text, 'at stake: reads your source under this folder');
});

test('events keep it current', () => {
  const state = stateOf();
  state.apply(message('pauses', { target: TARGET_ID, pause: null }));
  state.apply(message('targets', { target: { ...target, state: 'running' } }));
  assert.match(draw(state).join('\n'), '> shop of ada (you)  running');
  state.apply(message('requests', { request, outcome: 'pending' }));
  assert.is(state.firstRequest?.name, 'carol');
  state.apply(message('requests', { request, outcome: 'denied' }));
  assert.is(state.firstRequest, undefined);
  state.apply(message('breakpoints', { breakpoint: breakpoint.id, view: null }));
  assert.is(state.breakpoints.size, 0);
  state.apply(message('chat', { line: { member: 2, text: 'look\nhere', at: 1 } }));
  assert.match(draw(state).join('\n'), 'bob: look here');
});

test('a program that stops is selected, unless another stopped one is being looked at', () => {
  const other = { ...targetView, id: '1.00000000', name: 'worker', pause: null, state: 'running' };
  const state = stateOf({ targets: [{ ...targetView, pause: null }, other] });
  state.select(TARGET_ID as never);
  state.apply(message('pauses', { target: other.id, pause: { ...pause, target: other.id } }));
  assert.is(state.selected, other.id);
  state.apply(message('pauses', { target: TARGET_ID, pause }));
  assert.is(state.selected, other.id);
});

test('lines already shown are not shown twice, and only so many are kept', () => {
  const state = stateOf({ output: [lineOf(1, 'a'), lineOf(2, 'b')] });
  state.apply(message('output', { lines: [lineOf(2, 'b'), lineOf(3, 'c')] }));
  assert.equal(
    state.output.get(TARGET_ID as never)?.map(({ text }) => text),
    ['a', 'b', 'c'],
  );
  state.apply(message('output', { lines: Array.from({ length: 500 }, (_, n) => lineOf(n + 4, 'x')) }));
  assert.is(state.output.get(TARGET_ID as never)?.length, 200);
});

test('frames are walked by keys and stay within the stack', () => {
  const state = stateOf();
  assert.is(state.currentFrame?.line, 42);
  state.moveFrame(1);
  assert.is(state.currentFrame?.line, 9);
  for (let n = 0; n < 5; n++) state.moveFrame(1);
  assert.is(state.frame, 2);
  for (let n = 0; n < 5; n++) state.moveFrame(-1);
  assert.is(state.frame, 0);
});

test('keys are told apart in one chunk, unknown ones and their parts ignored', () => {
  assert.equal(keyActions('n'), ['over']);
  assert.equal(keyActions('\u001b[A\u001b[Bq'), ['frame-up', 'frame-down', 'quit']);
  assert.equal(keyActions('\u001b[15~'), []);
  assert.equal(keyActions('xyz'), []);
  assert.equal(keyActions('constructor'.slice(0, 1)), ['continue']);
});

test('clip() counts columns, not characters, and leaves colours closed', () => {
  assert.is(clip('hello', 3), 'hel');
  assert.is(clip('日本語', 5), '日本');
  assert.is(clip('a\u0301bc', 2), 'a\u0301b');
  assert.is(clip('\u001b[31mred\u001b[39m', 2), '\u001b[31mre\u001b[0m');
  assert.is(stringWidth(clip('👩‍👩‍👧‍👦 family', 4)), 4);
});

test.run();
