import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AddressBook } from '#node/network/address-book.ts';
import { addressToBytes, isLoopback, parseAddress, parseAddressBytes } from '#node/network/addresses.ts';
import { Backoff } from '#node/network/backoff.ts';
import { Keepalive } from '#node/network/keepalive.ts';
import type { Timers } from '#node/network/timers.ts';
import { FakeTimers } from '../fake-timers.ts';

function watched(timers: FakeTimers, answers: boolean): { keepalive: Keepalive; pings: number[]; deaths: number[] } {
  const pings: number[] = [];
  const deaths: number[] = [];
  const keepalive: Keepalive = new Keepalive({
    timers,
    ping: () => {
      pings.push(timers.now());
      if (answers) keepalive.heard();
    },
    onDead: () => void deaths.push(timers.now()),
  });
  keepalive.start();
  return { keepalive, pings, deaths };
}

test('a silent peer is asked twice and given up after 6 s', () => {
  const timers = new FakeTimers();
  const { pings, deaths } = watched(timers, false);
  timers.pass(60_000);
  assert.equal(pings, [2000, 4000]);
  assert.equal(deaths, [6000]);
  assert.is(timers.pending, 0);
});

test('a peer that answers lives for ever on few pings', () => {
  const timers = new FakeTimers();
  const { pings, deaths, keepalive } = watched(timers, true);
  timers.pass(60_000);
  assert.equal(deaths, []);
  assert.ok(pings.length <= 15, `${pings.length} pings a minute`);
  keepalive.stop();
  assert.is(timers.pending, 0);
});

test('a daemon that was asleep for an hour asks before it gives a peer up', () => {
  const timers = new FakeTimers();
  const asked: (() => void)[] = [];
  const deaths: number[] = [];
  // The lid closes: timers do not run, then the due one runs once, late.
  const asleep: Timers = {
    now: () => timers.now(),
    after: (_delay, run) => {
      asked.push(run);
      return () => undefined;
    },
  };
  const keepalive = new Keepalive({ timers: asleep, ping: () => keepalive.heard(), onDead: () => void deaths.push(1) });
  keepalive.start();
  for (let round = 0; round < 5; round++) asked.shift()?.();
  assert.equal(deaths, []);
});

test('waits double up to half a minute, with jitter, and start anew after a reset', () => {
  const backoff = new Backoff(() => 0.999_999);
  const waits = Array.from({ length: 12 }, () => Math.round(backoff.next()));
  assert.equal(waits, [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000, 30_000, 30_000]);
  backoff.reset();
  assert.is(Math.round(backoff.next()), 250);
  assert.is(new Backoff(() => 0).next(), 125);
});

test('parseAddress() takes TCP addresses and nothing else', () => {
  for (const address of ['/ip4/192.168.1.5/tcp/4001', '/ip6/fe80::1/tcp/1', '/dns4/host.example/tcp/65535']) {
    assert.is(parseAddress(address), address);
    assert.is(parseAddressBytes(addressToBytes(address)), address);
  }
  assert.is(
    parseAddress('/ip4/1.2.3.4/tcp/5/p2p/12D3KooWPp5EwVUTwmbgMYvRZy35ZCMhFbk66VgBGFFMnqQqq8X8'),
    '/ip4/1.2.3.4/tcp/5',
  );
  const odd = [
    '',
    '/',
    '/ip4/1.2.3.4/udp/5',
    '/ip4/999.1.1.1/tcp/5',
    '/unix/tmp/x',
    '/ip4/1.2.3.4/tcp/99999',
    '/ip4/1.2.3.4/tcp/0',
  ];
  for (const address of [...odd, `/dns4/${'x'.repeat(200)}/tcp/1`])
    assert.is(parseAddress(address), undefined, address);
  for (const bytes of [[], [4], [4, 1, 2, 3], [255, 255, 255]]) {
    assert.is(parseAddressBytes(Uint8Array.from(bytes)), undefined);
  }
  assert.ok(isLoopback('/ip4/127.0.0.1/tcp/1') && isLoopback('/ip6/::1/tcp/1'));
  assert.not(isLoopback('/ip4/192.168.1.5/tcp/1'));
});

test('an address book survives a restart, and a damaged file counts as none', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sandmesh-book-'));
  const path = join(folder, 'addresses.json');
  const key = 'a'.repeat(64);
  try {
    const book = new AddressBook(path, new FakeTimers());
    await book.load();
    assert.ok(book.set(key, ['/ip4/10.0.0.1/tcp/5', 'rubbish', '/ip4/10.0.0.1/tcp/5']));
    assert.not(book.set(key, ['/ip4/10.0.0.1/tcp/5']));
    assert.not(book.set('b'.repeat(64), ['rubbish']));
    book.flush();
    const again = new AddressBook(path);
    await again.load();
    assert.equal(again.get(key), ['/ip4/10.0.0.1/tcp/5']);
    for (const text of ['', '{', '{"version":2}', (await readFile(path, 'utf8')).replace('version', 'v')]) {
      await writeFile(path, text);
      const damaged = new AddressBook(path);
      await damaged.load();
      assert.is(damaged.entries().size, 0);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test.run();
