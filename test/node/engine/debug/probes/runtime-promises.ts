/** What the part of probes that lies in a program promises it. */

import * as assert from 'uvu/assert';
import { RUNTIME_LIMITS } from '#node/engine/debug/probes/probe-runtime.ts';
import { ProbedProgram } from './probed-program.ts';

export interface KeptPromise {
  readonly title: string;
  /** @throws when it is broken */
  readonly check: () => void | Promise<void>;
}

const { everyMs, perTick, burst, share, burstMs, ring, silenceMs, urgent } = RUNTIME_LIMITS;

/** Does something so many times. */
export function times(n: number, act: () => unknown): void {
  for (let i = 0; i < n; i++) act();
}

export const RUNTIME_PROMISES: readonly KeptPromise[] = [
  {
    title: 'every hit is counted, whether it was taken down or not',
    check: () => {
      const program = new ProbedProgram();
      const runtime = program.install();
      runtime.add(1, false);
      for (const hits of [3, 30, 300]) {
        times(hits, () => runtime.probes[1]?.log([]));
        program.timers.pass(everyMs);
      }
      assert.is(program.counted(1), 333);
    },
  },
  {
    title: 'many hits at once are counted at once',
    check: () => {
      const program = new ProbedProgram();
      const runtime = program.install();
      runtime.add(1, false);
      times(urgent - 1, () => runtime.probes[1]?.log([]));
      assert.is(program.counted(1), 0);
      runtime.probes[1]?.log([]);
      assert.is(program.counted(1), urgent);
    },
  },
  {
    title: 'all probes together take down so many hits in a tick, shared among those that are hit',
    check: () => {
      const program = new ProbedProgram();
      const runtime = program.install();
      for (const n of [1, 2, 3]) runtime.add(n, false);
      const taken = (n: number) => program.hits.filter((hit) => hit.n === n).length;
      const all = () => {
        const before = [taken(1), taken(2)];
        for (const n of [1, 2]) times(1_000, () => runtime.probes[n]?.log([() => n]));
        program.timers.pass(everyMs);
        return [taken(1), taken(2)].map((now, i) => now - (before[i] ?? 0));
      };
      assert.equal(all(), [burst, 1], 'what was saved up, and of the other its first');
      for (let tick = 0; tick < 5; tick++) assert.equal(all(), [perTick / 2, perTick / 2]);
    },
  },
  {
    title: 'after a while without hits a request’s worth is taken down whole',
    check: () => {
      const program = new ProbedProgram();
      const runtime = program.install();
      runtime.add(1, false);
      const request = () => {
        const before = program.hits.length;
        times(burst, () => runtime.probes[1]?.log([() => 1]));
        program.timers.pass((burst / perTick) * everyMs);
        return program.hits.length - before;
      };
      assert.equal([request(), request(), request()], [burst, burst, burst]);
    },
  },
  {
    title: 'what was saved up costs the program so much at once and no more',
    check: () => {
      const program = new ProbedProgram();
      program.costMs = 5;
      const runtime = program.install();
      runtime.add(1, false);
      times(burst, () => runtime.probes[1]?.log([() => 1]));
      program.timers.pass(everyMs);
      assert.is(program.hits.length, burstMs / program.costMs + 1);
    },
  },
  {
    title: 'taking down costs the program no more than its share of the time',
    check: () => {
      const program = new ProbedProgram();
      program.costMs = 5;
      const runtime = program.install();
      runtime.add(1, false);
      const ticks = 200;
      for (let tick = 0; tick < ticks; tick++) {
        times(10, () => runtime.probes[1]?.log([() => tick]));
        program.timers.pass(everyMs);
      }
      const fair = (ticks * everyMs * share) / program.costMs;
      const taken = program.hits.length;
      assert.ok(taken > fair / 2 && taken < fair * 1.5, `${taken} hits, ${fair} would be fair`);
    },
  },
  {
    title: 'what waits to be handed over is bounded, and what found no room is told with the next',
    check: () => {
      const program = new ProbedProgram();
      const runtime = program.install();
      runtime.add(1, true);
      const probe = runtime.probes[1];
      const record = () => {
        if (probe?.begin() === true) probe.end();
      };
      times(ring + 70, record);
      program.timers.pass(everyMs);
      assert.is(program.hits.length, ring);
      record();
      program.timers.pass(everyMs);
      assert.is(program.hits.at(-1)?.passedOver, 70);
    },
  },
  {
    title: 'a hit tells its place in the sequence and how many were passed over since the one before',
    check: () => {
      const program = new ProbedProgram();
      const runtime = program.install();
      runtime.add(1, false);
      for (let tick = 0; tick < 4; tick++) {
        times(500, () => runtime.probes[1]?.log([]));
        program.timers.pass(everyMs);
      }
      const { hits } = program;
      assert.equal(
        hits.map(({ sequence }) => sequence),
        hits.map((_, i) => i + 1),
      );
      assert.equal(
        hits.filter(({ passedOver }) => passedOver > 0).map(({ passedOver }) => passedOver),
        [500 - burst, 500 - perTick, 500 - perTick],
      );
    },
  },
  {
    title: 'without a word from the daemon nothing is taken down, until it is heard again',
    check: () => {
      const program = new ProbedProgram();
      const runtime = program.install();
      runtime.add(1, false);
      const hit = () => {
        times(3, () => runtime.probes[1]?.log([() => 1]));
        program.timers.pass(everyMs);
        return program.hits.length;
      };
      program.timers.pass(silenceMs - 2 * everyMs);
      assert.is(hit(), 3);
      program.timers.pass(2 * everyMs);
      const before = [hit(), hit(), hit()].at(-1) ?? 0;
      assert.is(hit(), before);
      runtime.heard();
      assert.ok(hit() > before);
    },
  },
  {
    title: 'a probe that was taken out takes nothing down, wherever its code still runs',
    check: () => {
      const program = new ProbedProgram();
      const runtime = program.install();
      runtime.add(1, true);
      const injected = () => program.run('if(--__sandmesh_1.left>=0&&__sandmesh_1.begin()){__sandmesh_1.end()}');
      injected();
      program.timers.pass(everyMs);
      runtime.disarm(1);
      for (let tick = 0; tick < 3; tick++) {
        times(3, injected);
        times(3, () => runtime.probes[1]?.log([() => 1]));
        program.timers.pass(everyMs);
      }
      assert.is(program.hits.length, 1);
      assert.is(program.counted(1), 1);
    },
  },
  {
    title: 'an expression that was stopped since it does not end silences no probe',
    check: () => {
      const program = new ProbedProgram();
      const runtime = program.install();
      runtime.add(1, false);
      assert.throws(
        () => program.run('__sandmesh.probes[1].log([() => { while (true); }])', { timeout: 20 }),
        /timed out/,
      );
      runtime.disarm(1);
      runtime.add(2, false);
      const hit = () => {
        runtime.probes[2]?.log([() => 'heard']);
        program.timers.pass(everyMs);
      };
      // The one that finds it out is lost.
      times(2, hit);
      assert.is(program.hits.length, 1);
    },
  },
  {
    title: 'an expression that throws, or hits the probe again, harms neither the program nor the hit',
    check: () => {
      const program = new ProbedProgram();
      const runtime = program.install();
      runtime.add(1, true);
      program.run('__sandmesh.probes[1].grant(10)');
      const again = () => runtime.probes[1]?.log([() => 'inner']);
      const thrower = () => {
        throw new RangeError('no price');
      };
      assert.is(runtime.probes[1]?.log([thrower, again, () => 'last']), false);
      program.timers.pass(everyMs);
      assert.is(program.hits.length, 1);
      const [values] = program.hits.map((hit) => hit.values);
      assert.match(values?.[0] ?? '', /^!.*no price/);
      assert.equal(values?.slice(1), ['{"t":"boolean","v":"false"}', '{"t":"string","v":"last"}']);
    },
  },
  {
    title: 'values are cut in the program, whatever their size',
    check: () => {
      const program = new ProbedProgram();
      const runtime = program.install();
      runtime.add(1, false);
      program.run('globalThis.text = "x".repeat(2e6); globalThis.list = Array(1e5).fill("element");');
      const read = (name: string) => () => program.context[name] as unknown;
      runtime.probes[1]?.log([read('text'), read('list')]);
      program.timers.pass(everyMs);
      const [values] = program.hits.map((hit) => hit.values);
      assert.equal(
        values?.map((value) => value.length > 100 && value.length < 10_000),
        [true, true],
      );
    },
  },
];
