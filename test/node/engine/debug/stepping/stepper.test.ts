import type { Protocol } from 'devtools-protocol';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { StatementOutline } from '#node/engine/debug/stepping/statements.ts';
import { callersOf, type StepKind, Stepper } from '#node/engine/debug/stepping/stepper.ts';
import type { Pause } from '#shared/model/pause.ts';
import { FakeTimers } from '../../../fake-timers.ts';

type CallFrame = Protocol.Debugger.CallFrame;

const PAUSE = { id: 1 } as Pause;

/** Frames by the first line of their function, innermost first; `7:9` stands at line 9 of the function at line 7. */
function stack(...frames: string[]): CallFrame[] {
  return frames.map((text) => {
    const [start = 0, at = start + 1] = text.split(':').map(Number);
    const location = { scriptId: '1', lineNumber: at, columnNumber: 0 };
    return { functionName: '', functionLocation: { scriptId: '1', lineNumber: start, columnNumber: 0 }, location };
  }) as CallFrame[];
}

function stepping(kind: StepKind, origin: readonly CallFrame[]): Stepper {
  const stepper = new Stepper(new FakeTimers(), 1000);
  void stepper.begin(kind, origin);
  return stepper;
}

const starts = (stepper: Stepper, at: readonly CallFrame[]): number[] =>
  stepper.target(at).frames.map(({ start }) => start.lineNumber);

test('a step resolves with its stop, with null when none comes in time, and when another begins', async () => {
  const timers = new FakeTimers();
  const stepper = new Stepper(timers, 1000);
  const one = stepper.begin('over', stack('1'));
  stepper.end(PAUSE);
  assert.is(await one, PAUSE);
  assert.not(stepper.active);
  const two = stepper.begin('over', stack('1'));
  timers.pass(1000);
  assert.is(await two, null);
  // The program may stop yet.
  assert.ok(stepper.active);
  const three = stepper.begin('into', stack('1'));
  const four = stepper.begin('out', stack('1'));
  assert.is(await three, null);
  stepper.end(null);
  assert.is(await four, null);
  assert.is(timers.pending, 0);
});

test('a stop of something else ends a step where it would have ended, and nowhere deeper', () => {
  const origin = stack('10', '20', '30');
  const deeper = stack('5', '10', '20', '30');
  assert.not(stepping('over', origin).hasArrived(deeper));
  assert.ok(stepping('over', origin).hasArrived(origin));
  assert.ok(stepping('over', origin).hasArrived(stack('20', '30')));
  assert.not(stepping('out', origin).hasArrived(origin));
  assert.ok(stepping('out', origin).hasArrived(stack('20', '30')));
  assert.ok(stepping('into', origin).hasArrived(deeper));
  assert.not(stepping('over', origin).hasArrived(stack('99')), 'the stack is another one');
});

test('a step over comes back to its function past the statement, else to one of the callers', () => {
  const origin = stack('10:12', '20', '30');
  const stepper = stepping('over', origin);
  const { frames, maxDepth } = stepper.target(stack('5', '6', '10:12', '20', '30'));
  assert.equal(starts(stepper, stack('5', '6', '10:12', '20', '30')), [10, 20, 30]);
  assert.is(maxDepth, 3);
  assert.equal(
    frames.map(({ except }) => except?.lineNumber),
    [12, undefined, undefined],
  );
});

test('a step out, and one from where a function returns, come back to the callers only', () => {
  const at = stack('5', '10', '20', '30');
  assert.equal(starts(stepping('out', stack('10', '20', '30')), at), [20, 30]);
  const returning = stack('10', '20', '30');
  const [top] = returning;
  const origin = [{ ...(top as CallFrame), returnValue: { type: 'undefined' as const } }, ...returning.slice(1)];
  assert.equal(starts(stepping('over', origin), at), [20, 30]);
  assert.is(stepping('over', origin).target(at).maxDepth, 2);
});

test('a function that awaits comes back on a stack of its own, however deep', () => {
  const { frames, maxDepth } = stepping('over', stack('10:12', '30')).target(stack('50', '60', '30'));
  assert.equal(
    frames.map(({ start, except }) => [start.lineNumber, except?.lineNumber]),
    [
      [10, 12],
      [30, undefined],
    ],
  );
  assert.is(maxDepth, Number.POSITIVE_INFINITY);
});

test('code that is skipped comes back to its callers', () => {
  const { frames, maxDepth } = callersOf(stack('5', '10', '20'));
  assert.equal(
    frames.map(({ start }) => start.lineNumber),
    [10, 20],
  );
  assert.is(maxDepth, 2);
});

test('places are told apart by statement, in text that parses and by line in text that does not', () => {
  const outline = new StatementOutline(
    'const a = f(\n  g(),\n  h());\nif (f()) { g(); }\nconst k = (x) => f(\n  x);\nlabel: for (;;) f();\n',
  );
  const place = (lineNumber: number, columnNumber: number) => ({ lineNumber, columnNumber });
  assert.ok(outline.isSame(place(0, 10), place(2, 2)), 'arguments on other lines');
  assert.not(outline.isSame(place(0, 10), place(3, 4)), 'the next statement');
  assert.not(outline.isSame(place(3, 4), place(3, 11)), 'a body and its test');
  assert.ok(outline.isSame(place(4, 17), place(5, 2)), 'the body of an arrow function');
  assert.not(outline.isSame(place(4, 0), place(4, 17)), 'an arrow function and what declares it');
  const broken = new StatementOutline('not { js\nat all\n');
  assert.ok(broken.isSame(place(0, 0), place(0, 4)));
  assert.not(broken.isSame(place(0, 0), place(1, 0)));
});

test.run();
