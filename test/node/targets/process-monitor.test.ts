import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { AttachedProcess } from '#node/targets/attached-process.ts';
import { linux } from '#node/targets/platform/linux.ts';
import type { Platform, ProcessUsage } from '#node/targets/platform/platform.ts';
import { type Alarm, ProcessMonitor } from '#node/targets/process-monitor.ts';
import { NODE, nextAttached, until, withBench, within } from './bench.ts';

const BUSY = `globalThis.block = (ms) => { const end = performance.now() + ms; while (performance.now() < end); };
setInterval(() => {}, 1000);`;

async function withTarget(work: (target: AttachedProcess) => Promise<void>): Promise<void> {
  await withBench(async (bench) => {
    bench.write({ 'app.js': BUSY });
    const attached = nextAttached(bench);
    bench.run([NODE, 'app.js']);
    const target = await attached;
    await target.release();
    await until(
      async () =>
        (await target.cdp.send('Runtime.evaluate', { expression: 'typeof block' })).result.value === 'function',
      'the program runs',
    );
    await work(target);
  });
}

test('a reading on demand has memory, processor, event-loop delay, handles and heap', () =>
  withTarget(async (target) => {
    const monitor = new ProcessMonitor(target, linux);
    const reading = await monitor.read();
    assert.ok((reading?.rssBytes ?? 0) > 10e6);
    assert.ok((reading?.heapUsedBytes ?? 0) > 1e6);
    assert.ok((reading?.activeHandles ?? 0) >= 1);
    assert.ok((reading?.eventLoopDelayMs ?? -1) >= 0);
    assert.ok((reading?.uptimeMs ?? 0) > 0);
    assert.is(monitor.latest, reading);
  }));

test('nobody watches: the program is never asked', () =>
  withTarget(async (target) => {
    const asked: string[] = [];
    const send = target.cdp.send.bind(target.cdp);
    const spied = {
      ...target.cdp,
      on: target.cdp.on.bind(target.cdp),
      send: ((method, params, options) => {
        asked.push(method);
        return send(method, params, options);
      }) as typeof send,
    };
    const process = {
      pid: target.pid,
      startedAt: 1,
      held: false,
      cdp: spied,
      events: target.events,
    } as AttachedProcess;
    const monitor = new ProcessMonitor(process, linux, { idleIntervalMs: 10, watchedIntervalMs: 10 });
    let readings = 0;
    monitor.events.on('reading', () => readings++);
    monitor.start();
    await until(() => readings >= 3, 'three readings');
    assert.equal(asked, []);
    const stopWatching = monitor.watch();
    await until(() => asked.includes('Runtime.getHeapUsage'), 'asked while watched');
    assert.ok((monitor.latest?.heapUsedBytes ?? 0) > 0 || readings > 0);
    stopWatching();
    stopWatching();
    monitor.stop();
    monitor.stop();
  }));

test('a blocked event loop raises one alarm per time', () =>
  withTarget(async (target) => {
    const monitor = new ProcessMonitor(target, linux, { watchedIntervalMs: 20 });
    const alarms: Alarm[] = [];
    monitor.events.on('alarm', (alarm) => alarms.push(alarm));
    monitor.start();
    const off = monitor.watch();
    for (const count of [1, 2]) {
      // A reading that is under way when the loop blocks sees it; one asked for in its last moments sees too little.
      await until(async () => {
        if (alarms.length >= count) return true;
        await target.cdp.send('Runtime.evaluate', { expression: 'void setTimeout(block, 0, 700)' });
        return until(() => alarms.length >= count, 'an alarm', 2_000).catch(() => false);
      }, `alarm ${count}`);
      assert.is(alarms.length, count);
      assert.is(alarms.at(-1)?.kind, 'event-loop-delay');
      assert.match(alarms.at(-1)?.text ?? '', /blocked for \d+ ms/);
      await until(() => (monitor.latest?.eventLoopDelayMs ?? 999) < 100, 'it recovers');
    }
    off();
    monitor.stop();
  }));

function fakePlatform(usages: ProcessUsage[]): Platform {
  return { ...linux, usage: async () => usages.shift() };
}

test('processor and memory alarms follow their thresholds; a process that is gone ends the monitor', () =>
  withTarget(async (target) => {
    const MB = 2 ** 20;
    const grown = [50, 60, 120, 260, 265, 90, 300].map((rss, index) => ({ rssBytes: rss * MB, cpuMs: index * 1e6 }));
    const monitor = new ProcessMonitor(target, fakePlatform(grown), {
      idleIntervalMs: 210,
      thresholds: { cpuReadings: 3 },
    });
    const alarms: string[] = [];
    monitor.events.on('alarm', ({ kind, reading }) => alarms.push(`${kind} ${reading.rssBytes / MB}`));
    let readings = 0;
    monitor.events.on('reading', () => readings++);
    monitor.start();
    await until(() => readings === 7, 'all readings');
    assert.equal(alarms, ['cpu 260', 'rss-growth 260', 'rss-growth 300']);
  }));

test('readings close together repeat the processor share, and one busy moment is no alarm', () =>
  withTarget(async (target) => {
    let cpuMs = 0;
    const platform: Platform = { ...linux, usage: async () => ({ rssBytes: 1, cpuMs }) };
    const monitor = new ProcessMonitor(target, platform);
    const alarms: Alarm[] = [];
    monitor.events.on('alarm', (alarm) => alarms.push(alarm));
    await monitor.read();
    cpuMs = 1e6;
    await until(async () => ((await monitor.read())?.cpu ?? 0) > 0.9, 'a busy reading');
    for (let i = 0; i < 5; i++) await monitor.read();
    assert.equal(
      alarms.filter(({ kind }) => kind === 'cpu'),
      [],
    );
  }));

test('a paused program is not asked and does not hang the reading', () =>
  withTarget(async (target) => {
    const monitor = new ProcessMonitor(target, linux);
    monitor.start();
    const paused = new Promise<void>((resolve) => target.cdp.on('Debugger.paused', () => resolve()));
    await target.cdp.send('Debugger.enable');
    await target.cdp.send('Debugger.pause');
    // answered only after the pause, when the test is over
    void target.cdp.send('Runtime.evaluate', { expression: 'block(1)' }).catch(() => undefined);
    await within(paused, 'paused');
    const reading = await within(monitor.read(), 'a reading', 1_000);
    assert.ok((reading?.rssBytes ?? 0) > 0);
    assert.is(reading?.eventLoopDelayMs, undefined);
    monitor.stop();
  }));

test.run();
