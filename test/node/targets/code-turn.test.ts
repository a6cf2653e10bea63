import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CodeTurn } from '#node/targets/code-turn.ts';

function withTurn() {
  const turn = new CodeTurn();
  const sent: string[] = [];
  let id = 0;
  const take = (method: string, params?: object): number => {
    id += 1;
    turn.take({ id, method, ...(params && { params }) }, () => {
      sent.push(method);
      return true;
    });
    return id;
  };
  return { turn, sent, take };
}

test('while code runs in a program that runs, nothing else is sent; what waited follows in order', () => {
  const { turn, sent, take } = withTurn();
  const first = take('Runtime.evaluate');
  take('Debugger.setBreakpoint');
  const second = take('Runtime.callFunctionOn');
  take('Debugger.pause');
  assert.equal(sent, ['Runtime.evaluate']);
  assert.ok(turn.isTaken);
  turn.end(first);
  assert.equal(sent.slice(1), ['Debugger.setBreakpoint', 'Runtime.callFunctionOn']);
  turn.end(second);
  assert.equal(sent.slice(3), ['Debugger.pause']);
  assert.not(turn.isTaken);
});

test('code that stands may be spoken to, until it is moved on', () => {
  const { turn, sent, take } = withTurn();
  const evaluated = take('Runtime.evaluate');
  turn.hear('Debugger.paused');
  take('Runtime.getProperties');
  const inside = take('Runtime.callFunctionOn');
  take('Debugger.stepOver');
  take('Runtime.getProperties');
  assert.equal(sent, ['Runtime.evaluate', 'Runtime.getProperties', 'Runtime.callFunctionOn', 'Debugger.stepOver']);
  turn.hear('Debugger.resumed');
  turn.end(inside);
  assert.is(sent.length, 4);
  turn.hear('Debugger.paused');
  assert.is(sent.length, 5);
  turn.hear('Debugger.resumed');
  assert.ok(turn.isTaken);
  turn.end(evaluated);
  assert.not(turn.isTaken);
});

test('in a program that stands nothing waits for what is evaluated', () => {
  const { turn, sent, take } = withTurn();
  turn.hear('Debugger.paused');
  take('Runtime.evaluate');
  take('Debugger.resume');
  take('Debugger.pause');
  assert.equal(sent, ['Runtime.evaluate', 'Debugger.resume', 'Debugger.pause']);
});

test('code that awaits a promise is not waited for until that settles', async () => {
  const { turn, sent, take } = withTurn();
  take('Runtime.evaluate', { awaitPromise: true });
  await new Promise<void>((resolve) => {
    turn.take({ id: 9, method: 'Debugger.pause' }, () => {
      sent.push('Debugger.pause');
      resolve();
      return true;
    });
    assert.equal(sent, ['Runtime.evaluate']);
  });
  assert.not(turn.isTaken);
});

test('a program that ends in what it was asked to run can be asked for its exit code', () => {
  const { turn, sent, take } = withTurn();
  take('Runtime.evaluate');
  turn.hear('NodeRuntime.waitingForDisconnect');
  take('Runtime.evaluate');
  assert.is(sent.length, 2);
});

test('one that nobody waits for any more takes no turn', () => {
  const { turn, take } = withTurn();
  const first = take('Runtime.evaluate');
  turn.take({ id: 8, method: 'Runtime.evaluate' }, () => false);
  turn.end(first);
  assert.not(turn.isTaken);
});

test('a stop is left from the request on, until it resumes, stops again, or was refused', () => {
  const { turn, take } = withTurn();
  take('Debugger.stepOver');
  assert.not(turn.isLeaving, 'it ran');
  for (const end of ['Debugger.resumed', 'Debugger.paused']) {
    turn.hear('Debugger.paused');
    const step = take('Debugger.stepOver');
    assert.ok(turn.isLeaving);
    turn.end(step);
    assert.ok(turn.isLeaving, 'answered, and not off yet');
    turn.hear(end);
    assert.not(turn.isLeaving);
  }
  turn.failed(take('Debugger.restartFrame'));
  assert.not(turn.isLeaving);
  assert.ok(take('Runtime.evaluate') > 0 && !turn.isTaken, 'it stands as before');
});

test.run();
