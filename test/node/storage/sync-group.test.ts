/** How long an append-only log gathers what is to be synced together. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AppendLog, RecordType } from '#node/storage/append-log.ts';
import { FakeTimers } from '../fake-timers.ts';
import { MemoryLogFile } from '../network/replication/memory-log-file.ts';

/** Its syncs take as long as a test lets them. */
class SlowFile extends MemoryLogFile {
  #done: (() => void) | undefined;
  syncs = 0;

  override async sync(): Promise<void> {
    this.syncs++;
    await new Promise<void>((resolve) => {
      this.#done = resolve;
    });
  }

  /** @returns when those who waited know */
  async finish(): Promise<void> {
    this.#done?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function openSlow() {
  const file = new SlowFile();
  const timers = new FakeTimers();
  const { log } = await AppendLog.open(file, timers, () => undefined);
  const write = (): Promise<void> => {
    log.append(RecordType.envelope, new Uint8Array(1));
    log.write();
    return log.durable();
  };
  /** Milliseconds until the next sync. */
  const untilSync = (): number => {
    const before = file.syncs;
    let ms = 0;
    for (; file.syncs === before && ms < 100; ms++) timers.pass(1);
    return ms;
  };
  return { file, log, write, untilSync };
}

test('who writes on while a sync runs is synced at longer intervals, up to 5 ms', async () => {
  const { file, log, write, untilSync } = await openSlow();
  void write();
  const delays: number[] = [];
  for (let n = 0; n < 5; n++) {
    delays.push(untilSync());
    void write();
    await file.finish();
  }
  assert.equal(delays, [2, 2, 4, 5, 5]);
  untilSync();
  await file.finish();
  void write();
  assert.is(untilSync(), 2, 'a stream that paused begins anew');
  const closed = log.close();
  await file.finish();
  await closed;
});

test('who waits for each sync waits 2 ms, however many do', async () => {
  const { file, log, write, untilSync } = await openSlow();
  for (let n = 0; n < 5; n++) {
    const all = Promise.all([write(), write(), write()]);
    assert.is(untilSync(), 2);
    await file.finish();
    await all;
  }
  await log.close();
});

test.run();
