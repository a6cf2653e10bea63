import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Emitter } from '#shared/emitter.ts';

interface Events {
  tick: number;
}

test('listeners run in the order they were added', () => {
  const emitter = new Emitter<Events>();
  const seen: string[] = [];
  emitter.on('tick', (n) => seen.push(`a${n}`));
  emitter.on('tick', (n) => seen.push(`b${n}`));
  emitter.emit('tick', 1);
  assert.equal(seen, ['a1', 'b1']);
});

test('a removed listener hears nothing more, and removing it twice is harmless', () => {
  const emitter = new Emitter<Events>();
  const seen: number[] = [];
  const off = emitter.on('tick', (n) => seen.push(n));
  off();
  off();
  emitter.emit('tick', 1);
  assert.equal(seen, []);
});

test('a listener removed by an earlier one still hears the event that is under way', () => {
  const emitter = new Emitter<Events>();
  const seen: number[] = [];
  emitter.on('tick', () => off());
  const off = emitter.on('tick', (n) => seen.push(n));
  emitter.emit('tick', 1);
  emitter.emit('tick', 2);
  assert.equal(seen, [1]);
});

test('a listener that throws keeps no other from running, and its error reaches the process', async () => {
  const emitter = new Emitter<Events>();
  const thrown = new Promise((resolve) => process.once('uncaughtException', resolve));
  const seen: number[] = [];
  emitter.on('tick', () => {
    throw new Error('planted');
  });
  emitter.on('tick', (n) => seen.push(n));
  emitter.emit('tick', 7);
  assert.equal(seen, [7]);
  assert.is(((await thrown) as Error).message, 'planted');
});

test('next() resolves with the first event that passes its test', async () => {
  const emitter = new Emitter<Events>();
  const even = emitter.next('tick', { test: (n) => n % 2 === 0 });
  for (const n of [1, 3, 4, 6]) emitter.emit('tick', n);
  assert.is(await even, 4);
});

test('next() rejects with the signal’s reason, before or during the wait', async () => {
  const emitter = new Emitter<Events>();
  const reason = new Error('enough');
  const before = await emitter.next('tick', { signal: AbortSignal.abort(reason) }).catch((error: unknown) => error);
  assert.is(before, reason);
  const controller = new AbortController();
  const during = emitter.next('tick', { signal: controller.signal }).catch((error: unknown) => error);
  controller.abort(reason);
  assert.is(await during, reason);
});

test('removeAll() silences every listener', () => {
  const emitter = new Emitter<Events>();
  const seen: number[] = [];
  emitter.on('tick', (n) => seen.push(n));
  emitter.removeAll();
  emitter.emit('tick', 1);
  assert.equal(seen, []);
});

test.run();
