import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NetworkWatch } from '#node/network/network-watch.ts';
import { FakeTimers } from '../fake-timers.ts';

/** A machine's network, and how often the watch said that it changed. */
function machine(first: readonly string[]) {
  const timers = new FakeTimers();
  let addresses = first;
  let asleepMs = 0;
  let changes = 0;
  const watch = new NetworkWatch({
    timers,
    wallClock: () => timers.now() + asleepMs,
    onChange: () => changes++,
    addresses: () => addresses,
  });
  watch.start();
  return {
    timers,
    watch,
    /** @returns changes told of in these ms */
    pass(ms: number): number {
      const before = changes;
      timers.pass(ms);
      return changes - before;
    },
    become(next: readonly string[]): void {
      addresses = next;
    },
    sleep(ms: number): void {
      asleepMs += ms;
    },
  };
}

const HOME = ['lo/127.0.0.1', 'wlan0/192.168.1.7'];

test('a network that stays the same is none to speak of, in whatever order it is told', () => {
  const { pass, become } = machine(HOME);
  assert.is(pass(60_000), 0);
  become([...HOME].reverse());
  assert.is(pass(60_000), 0);
});

test('another address, a cable that is pulled and put back, the same address elsewhere: each is told once, within seconds', () => {
  const { pass, become } = machine(HOME);
  for (const next of [
    ['lo/127.0.0.1', 'wlan0/10.0.0.4'],
    ['lo/127.0.0.1'],
    HOME,
    ['lo/127.0.0.1', 'eth0/192.168.1.7'],
  ]) {
    become(next);
    assert.is(pass(3_000), 1, next.join());
    assert.is(pass(60_000), 0, next.join());
  }
});

test('a machine without any address has nobody to look for until it has one again', () => {
  const { pass, become } = machine(HOME);
  become([]);
  assert.is(pass(10_000), 0);
  become(HOME);
  assert.is(pass(3_000), 1);
});

test('a machine that slept looks for its peers, one that was busy for a moment does not', () => {
  const { pass, sleep } = machine(HOME);
  sleep(8_000);
  assert.is(pass(3_000), 0);
  sleep(60_000);
  assert.is(pass(3_000), 1);
  assert.is(pass(60_000), 0);
});

test('nothing is told once it has stopped, and nothing goes on waiting', () => {
  const { pass, become, watch, timers } = machine(HOME);
  watch.start();
  assert.is(timers.pending, 1);
  watch.stop();
  watch.stop();
  become([]);
  become(['eth0/10.0.0.9']);
  assert.is(pass(60_000), 0);
  assert.is(timers.pending, 0);
});

test.run();
