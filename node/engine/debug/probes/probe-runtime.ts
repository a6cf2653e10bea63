/**
 * The part of logpoints and tracepoints that lies in the program: counts hits, takes down what they saw within limits,
 * and hands it over now and then. Where nothing is left of its allowance a hit costs a decrement.
 */

import { z } from 'zod';

/** The global by which conditions find it; a probe whose code is injected has one of its own, `__sandmesh_<n>`. */
export const RUNTIME_NAME = '__sandmesh';
/** The binding by which it hands over what it has. */
export const BINDING_NAME = '__sandmesh_hand_over';

export interface RuntimeLimits {
  /** Allowances are renewed, and what was taken down is handed over, this often. */
  readonly everyMs: number;
  /** Hits that may be taken down for each such time: of all probes, shared among those that are hit. */
  readonly perTick: number;
  /** Those that are saved up while there are fewer: a request's worth is taken down whole. */
  readonly burst: number;
  /** What taking down may cost of the time that passes. */
  readonly share: number;
  /** What taking down may cost at once, in ms, where it was saved up. */
  readonly burstMs: number;
  /** Hits that wait to be handed over. */
  readonly ring: number;
  /** Texts put aside that are remembered: V8 keeps few for long. */
  readonly asides: number;
  /** Without a word from the daemon for this long it does nothing any more. */
  readonly silenceMs: number;
  /** Counted at once when a probe was hit this often since the last time. */
  readonly urgent: number;
}

export const RUNTIME_LIMITS: RuntimeLimits = {
  everyMs: 100,
  perTick: 20,
  burst: 100,
  share: 0.02,
  burstMs: 20,
  ring: 200,
  asides: 1_000,
  silenceMs: 20_000,
  urgent: 50,
};

const MAX_PREVIEWS = 60;

/** What is handed over: the program's word, so nothing of it is believed unseen. */
export const handedOverSchema = z.object({
  /** By probe number: how often it was hit since the last time, and how often its condition did not let it be. */
  counts: z
    .array(z.tuple([z.number().int().nonnegative(), z.number().nonnegative(), z.number().nonnegative()]))
    .max(2_000),
  hits: z
    .array(
      z.object({
        n: z.number().int().nonnegative(),
        sequence: z.number().int().nonnegative(),
        time: z.number().nonnegative(),
        asyncId: z.number().int().nonnegative(),
        passedOver: z.number().nonnegative(),
        /** JSON of a preview each; `!` before one that was thrown, `?` for one that nothing keeps. */
        values: z.array(z.string().max(100_000)).max(MAX_PREVIEWS),
        returned: z.string().max(100_000).optional(),
        threw: z.string().max(100_000).optional(),
        durationMs: z.number().nonnegative().optional(),
      }),
    )
    .max(1_000),
  /** By probe number: JSON of a preview of what its condition threw, told once. */
  failed: z.array(z.tuple([z.number().int().nonnegative(), z.string().max(100_000)])).max(2_000),
});
export type HandedOver = z.infer<typeof handedOverSchema>;
export type RuntimeHit = HandedOver['hits'][number];

/** Of the inspection tool → the runtime; puts it in the place of one that another daemon left. */
export const INSTALL_RUNTIME = `function(name, binding, limits) {
  'use strict';
  const tool = this, global = globalThis;
  const { defineProperty, create } = Object, { stringify } = JSON, text = String, { floor, max, min } = Math;
  const builtin = global.process?.getBuiltinModule ?? (typeof require === 'function' ? require : undefined);
  const hooks = builtin?.('async_hooks'), performance = builtin?.('perf_hooks').performance;
  const asyncIdOf = hooks ? hooks.executionAsyncId : () => 0;
  const now = performance.now.bind(performance), later = setTimeout;
  const handOver = global[binding];
  const former = global[name];
  const NEVER = -(2 ** 30);
  const numbers = [], probes = create(null);
  let ring = [], failed = [], lost = 0, sequence = 0, timer, tokens = limits.burst, spentMs = 0, heardAt = now(), tickedAt = now(), isBusy = false;
  const hide = (key, value) => defineProperty(global, key, { value, configurable: true, enumerable: false, writable: false });
  if (former !== undefined) former.disarmAll();
  const previewOf = (value) => { try { return tool.preview(value, 0); } catch { return '?'; } };
  const flush = () => {
    const counts = [];
    for (let i = 0; i < numbers.length; i++) {
      const probe = probes[numbers[i]];
      const hits = probe.granted - probe.left - probe.told;
      if (probe.armed && (hits > 0 || probe.missed > 0)) { counts.push([probe.n, hits, probe.missed]); probe.told += hits; probe.missed = 0; }
    }
    if (counts.length === 0 && ring.length === 0 && failed.length === 0) return false;
    const told = { counts, hits: ring, failed };
    ring = [];
    failed = [];
    handOver(stringify(told));
    return true;
  };
  const tick = () => {
    timer = undefined;
    // Nothing is being taken down when a timer runs: what V8 stopped since it did not end has not said so.
    isBusy = false;
    const at = now();
    const isHeard = at - heardAt < limits.silenceMs;
    if (isHeard) flush();
    else ring = [];
    const passed = at - tickedAt;
    tickedAt = at;
    spentMs = max(0, spentMs - passed * limits.share);
    tokens = min(limits.burst, max(0, tokens) + limits.perTick * passed / limits.everyMs);
    let active = 0;
    for (let i = 0; i < numbers.length; i++) if (probes[numbers[i]].granted !== probes[numbers[i]].left) active++;
    const isSpent = spentMs > limits.everyMs * limits.share;
    const allowance = !isHeard || isSpent ? 0 : max(1, floor(tokens / max(1, active)));
    for (let i = 0; i < numbers.length; i++) probes[numbers[i]].grant(allowance);
    if (isHeard && (active > 0 || isSpent || tokens < limits.burst)) wake();
  };
  const allowanceNow = () => max(1, floor(tokens));
  /** One more is taken down. Where nothing is left all probes only count until the next tick. */
  const spend = () => {
    if (--tokens > 0 && spentMs < limits.burstMs) return;
    for (let i = 0; i < numbers.length; i++) probes[numbers[i]].exhaust();
  };
  const wake = () => { if (timer === undefined) { timer = later(tick, limits.everyMs); timer.unref?.(); } };
  const push = (row) => {
    if (ring.length >= limits.ring) { lost++; return; }
    row.passedOver += lost;
    lost = 0;
    ring.push(row);
    wake();
  };
  const LOST = { __proto__: null };
  class Call {
    constructor(probe, row, started) { this.probe = probe; this.row = row; this.started = started; }
    put(value) { this.row.values.push(value === LOST ? '?' : previewOf(value)); }
    bad(error) { this.row.values.push('!' + previewOf(error)); }
    set v(value) { this.end('returned', value); }
    x(error) { this.end('threw', error); return error; }
    end(how, value) {
      const { row, started } = this;
      if (row === undefined) return;
      this.row = undefined;
      const at = now();
      row.durationMs = at - started;
      row[how] = previewOf(value);
      push(row);
      spentMs += now() - at;
    }
  }
  class Probe {
    constructor(n) {
      this.n = n; this.left = this.granted = allowanceNow(); this.told = 0; this.passedOver = 0; this.armed = true;
      this.row = undefined; this.began = 0; this.lost = LOST; this.seen = 0; this.missed = 0; this.hasFailed = false;
    }
    grant(allowance) {
      if (this.left < 0) this.passedOver -= this.left;
      this.left = this.granted = allowance;
      this.told = 0;
    }
    /** Of one that was not hit since the last tick the first hit is taken down all the same. */
    exhaust() {
      const left = max(0, this.left - (this.granted === this.left ? 1 : 0));
      this.left -= left;
      this.granted -= left;
    }
    newRow(at) {
      spend();
      const row = { n: this.n, sequence: ++sequence, time: at, asyncId: asyncIdOf(), passedOver: this.passedOver, values: [] };
      this.passedOver = 0;
      return row;
    }
    begin() {
      if (isBusy || !this.armed) return false;
      isBusy = true;
      this.row = this.newRow(this.began = now());
      return true;
    }
    put(value) { this.row.values.push(value === LOST ? '?' : previewOf(value)); }
    bad(error) { this.row.values.push('!' + previewOf(error)); }
    end() { isBusy = false; push(this.row); this.row = undefined; spentMs += now() - this.began; }
    say(...values) {
      if (!this.begin()) return;
      for (let i = 0; i < values.length; i++) this.put(values[i]);
      this.end();
    }
    enter(...values) {
      const at = now();
      if (!this.armed) return this;
      const call = new Call(this, this.newRow(at), at);
      for (let i = 0; i < values.length; i++) call.put(values[i]);
      spentMs += now() - at;
      return call;
    }
    set v(value) {}
    x(error) { return error; }
    /** Its condition threw, which counts as false. */
    fail(error) {
      if (this.hasFailed || !this.armed) return;
      this.hasFailed = true;
      failed.push([this.n, previewOf(error)]);
      wake();
    }
    holds(condition) {
      try { return condition(); } catch (error) { this.fail(error); return false; }
    }
    /** As a breakpoint's condition. */
    log(thunks, condition) {
      if (!this.armed) return false;
      // That V8 asks costs as much as a hit.
      if (condition !== undefined && !this.holds(condition)) this.missed++;
      else if (--this.left >= 0 && this.begin()) {
        for (let i = 0; i < thunks.length; i++) {
          try { this.put(thunks[i]()); } catch (error) { this.bad(error); }
        }
        this.end();
      }
      wake();
      if (this.granted - this.left - this.told + this.missed >= limits.urgent) flush();
      return false;
    }
  }
  const runtime = {
    probes,
    /** Texts of scripts as they were, by script id: whoever comes next can put them back. */
    sources: former?.sources ?? create(null),
    /** Hashes of texts with code that V8 keeps as scripts since others took their place. */
    asides: former?.asides ?? [],
    add(n, isGlobal) {
      const probe = probes[n] ??= new Probe(n);
      if (!numbers.includes(n)) numbers.push(n);
      if (isGlobal) hide(name + '_' + n, probe);
    },
    /** It takes nothing down any more, wherever its code still runs. */
    disarm(n) {
      const probe = probes[n];
      if (probe === undefined) return;
      probe.armed = false;
      probe.left = probe.granted = NEVER;
      const at = numbers.indexOf(n);
      if (at >= 0) numbers.splice(at, 1);
    },
    disarmAll() { for (const n of [...numbers]) this.disarm(n); },
    heard() {
      const wasSilent = now() - heardAt >= limits.silenceMs;
      heardAt = now();
      if (wasSilent) for (let i = 0; i < numbers.length; i++) probes[numbers[i]].grant(allowanceNow());
    },
    keep(id, source) { this.sources[id] = source; },
    drop(id) { delete this.sources[id]; },
    aside(hash) { if (!this.asides.includes(hash) && this.asides.push(hash) > limits.asides) this.asides.shift(); },
    left() { return stringify({ sources: this.sources, asides: this.asides }); },
  };
  hide(name, runtime);
  const program = global.process;
  // First, since the harness leaves when the program does, and last; without ever being the listener too many.
  if (program?.listenerCount?.('exit') < 8) program.prependListener('exit', flush).on('exit', flush);
  return runtime;
}`;
