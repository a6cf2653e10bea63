/** A target session over a CDP session that a test plays by hand: answers and events in whatever order it likes. */

import type { Protocol } from 'devtools-protocol';
import { KnownScripts } from '#node/engine/debug/probes/known-scripts.ts';
import { PendingPause } from '#node/engine/debug/stops/pending-pause.ts';
import { TargetSession } from '#node/engine/debug/targets/target-session.ts';
import type { ScriptRegistry } from '#node/engine/source/script-registry-interface.ts';
import type { AttachedProcess, CdpSession } from '#node/targets/attached-process.ts';
import { Emitter } from '#shared/emitter.ts';
import type { TargetId } from '#shared/ids.ts';
import type { Pause } from '#shared/model/pause.ts';
import { FakeTimers } from '../../fake-timers.ts';

interface Request {
  readonly method: string;
  readonly params: Record<string, unknown>;
  answer(result?: object): void;
  fail(error: Error): void;
}

export interface ScriptedTarget {
  readonly session: TargetSession;
  readonly timers: FakeTimers;
  /** Stops (by number) and `running`, as they were told. */
  readonly told: (number | 'running')[];
  /** Everything sent, in order; methods named in `held` wait for the test's answer. */
  readonly sent: Request[];
  readonly held: Set<string>;
  /** Answers to methods that are not held; an empty object for the others. */
  readonly answers: Map<string, (params: Record<string, unknown>) => object>;
  emit(event: string, params?: object): void;
  /** The program stops with these functions on the stack, innermost first. */
  stop(frames: readonly string[], more?: Partial<Protocol.Debugger.PausedEvent>): Promise<void>;
  /** Methods sent since the last call. */
  methods(): string[];
}

/** Lets everything that is ready run. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const registry: ScriptRegistry = {
  add: () => undefined,
  filesOf: async () => [],
  locate: async ({ lineNumber, columnNumber }) => ({
    file: undefined,
    line: lineNumber + 1,
    column: columnNumber + 1,
    source: undefined,
    internal: false,
  }),
  candidates: async () => [],
  has: async () => false,
  isAdded: () => false,
  builtAnew: async () => undefined,
  contentMatches: async () => true,
  madeBefore: async () => undefined,
  list: async () => [],
  text: async () => {
    throw new Error('no text');
  },
  runningText: async () => undefined,
  onFiles: () => () => undefined,
};

export async function scriptedTarget(): Promise<ScriptedTarget> {
  const events = new Emitter<Record<string, unknown>>();
  const sent: Request[] = [];
  const held = new Set<string>();
  // V8 never leaves it out.
  const answers: ScriptedTarget['answers'] = new Map([['Runtime.evaluate', () => ({ result: { type: 'undefined' } })]]);
  const told: (number | 'running')[] = [];
  const timers = new FakeTimers();
  const send = (method: string, params: Record<string, unknown> = {}): Promise<object> =>
    new Promise((resolve, reject) => {
      sent.push({ method, params, answer: (result = {}) => resolve(result), fail: reject });
      if (!held.has(method)) resolve(answers.get(method)?.(params) ?? {});
    });
  const cdp = { send, on: (event: string, listener: (params: unknown) => void) => events.on(event, listener) };
  const pending = new PendingPause({ cdp: cdp as unknown as CdpSession });
  let pauses = 0;
  const session = new TargetSession({
    process: { cdp: cdp as unknown as CdpSession, mode: 'external', launch: 'launch-1' } as AttachedProcess,
    pending,
    cdp: new KnownScripts(pending),
    onHits: () => undefined,
    mayHold: () => true,
    snapshotLimits: () => undefined,
    onSnapshot: async () => true,
    registry,
    target: '1.00000000' as TargetId,
    timers,
    root: undefined,
    skipScripts: [],
    stepWaitMs: 1000,
    desired: () => new Map(),
    mayRunCode: () => true,
    nameOf: (member) => `member ${member}`,
    whyNotStop: () => undefined,
    nextPauseId: () => ++pauses,
    onPause: (pause: Pause | null) => void told.push(pause?.id ?? 'running'),
    onStatus: () => undefined,
    onCodeFailure: () => undefined,
    onConsole: () => undefined,
    onException: () => undefined,
    onScript: () => undefined,
    onContext: () => undefined,
    onError: (error) => {
      throw error;
    },
  });
  await session.start();
  let seen = sent.length;
  const emit = (event: string, params: object = {}): void => events.emit(event, params);
  return {
    session,
    timers,
    told,
    sent,
    held,
    answers,
    emit,
    stop: (frames, more = {}) => {
      emit('Debugger.paused', { reason: 'other', callFrames: frames.map(frame), ...more });
      return settle();
    },
    methods: () => {
      const fresh = sent.slice(seen).map(({ method }) => method.replace('Debugger.', ''));
      seen = sent.length;
      return fresh;
    },
  };
}

/** `name@script:line` */
function frame(text: string): Protocol.Debugger.CallFrame {
  const [functionName = '', scriptId = '', line = '0'] = text.split(/[@:]/);
  const functionLocation = { scriptId, lineNumber: functionName.length, columnNumber: 0 };
  const location = { scriptId, lineNumber: Number(line), columnNumber: 0 };
  const empty = { type: 'object' as const };
  return { callFrameId: text, functionName, functionLocation, location, url: '', scopeChain: [], this: empty };
}
