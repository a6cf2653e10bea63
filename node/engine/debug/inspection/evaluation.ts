/** Evaluates what a client typed: always with a time limit, always with a bounded result. */

import type { Protocol } from 'devtools-protocol';
import { SandboxError } from '#shared/errors.ts';
import type { Variable } from '#shared/model/pause.ts';
import type { CdpResult } from '../../../targets/attached-process.ts';
import { expressionProblem } from '../breakpoints/condition.ts';
import type { BoxedPreview, ChildReference } from '../inspection-tool/answers.ts';
import { boxedExpression } from '../inspection-tool/functions.ts';
import { evaluateByAdapter } from './adapter-evaluation.ts';
import { DEFAULT_EVALUATION_MS } from './allow-list.ts';
import type { HeldValue } from './handles.ts';
import { callFrameOf, callTool, fetchChild } from './tool-calls.ts';
import { describeValue, objectValue } from './variables.ts';
import type { VirtualSession } from './virtual-session.ts';

/** Time for the answer to travel on top of what the expression may take. */
const TRAVEL_MS = 5000;
/** The same for what awaits: long enough that V8's limit is heard of before ours. */
const SETTLE_MARGIN_MS = 500;
/** A string longer than this is not sent down and back to be set. */
const MAX_SET_LENGTH = 1_000_000;
/** V8's words for an expression that it stopped under `throwOnSideEffect`. */
const SIDE_EFFECT = 'EvalError: Possible side-effect';
/** Where a box keeps the value. */
const VALUE: ChildReference = { by: 'name', name: '1' };

export interface EvaluationOptions {
  readonly expression: string;
  readonly frame?: number | undefined;
  readonly timeoutMs?: number | undefined;
  /** Why V8 shall stop it at its first side effect: `policy` lets code only read, or the caller `asked` for that. */
  readonly readOnly?: 'policy' | 'asked' | undefined;
}

type ExpressionKind = 'expression' | 'awaiting' | 'statements';

/** What came of an evaluation, still in the target. */
export interface Boxed {
  /** Object id of `[threw, value]`. */
  readonly box: string;
  readonly threw: boolean;
  /** Characters of a string result that was cut; else 0. */
  readonly length: number;
  readonly result: Variable;
}

/**
 * @param frame undefined: frame 0 when paused, else globally
 * @returns `threw`: the expression threw, and `result` is what it threw
 * @throws {SandboxError} TIMEOUT when it ran too long and was stopped, NOT_PAUSED, FORBIDDEN
 */
export async function evaluate(
  session: VirtualSession,
  options: EvaluationOptions,
): Promise<{ result: Variable; threw: boolean }> {
  if (session.process.adapter !== undefined) {
    return { result: await evaluateByAdapter(session, options, session.process.adapter), threw: false };
  }
  const { result, threw } = await evaluateBoxed(session, options, pathTyped(options));
  return { result, threw };
}

/**
 * @param path gives the value once more; undefined: nothing plain does
 * @throws {SandboxError} as {@link evaluate}
 */
export async function evaluateBoxed(
  session: VirtualSession,
  options: EvaluationOptions,
  path: string | undefined,
): Promise<Boxed> {
  const { expression, timeoutMs = DEFAULT_EVALUATION_MS } = options;
  const box = await runBoxed(session, { ...options, timeoutMs });
  const { threw, node } = JSON.parse(String(await callTool(session, box, 'boxed'))) as BoxedPreview;
  const name = expression.trim().slice(0, 100);
  const value: HeldValue = {
    objectId: undefined,
    parent: objectValue(box, ''),
    ref: VALUE,
    name,
    ...(path === undefined ? {} : { path: `(${path})` }),
  };
  return { box, threw, length: node.n ?? 0, result: describeValue(session, name, node, value) };
}

function pathTyped({ expression }: EvaluationOptions): string | undefined {
  return expressionProblem(expression) === undefined ? expression.trim() : undefined;
}

async function runBoxed(
  session: VirtualSession,
  { expression, frame, timeoutMs, readOnly }: EvaluationOptions & { readonly timeoutMs: number },
): Promise<string> {
  const restraint = readOnly === undefined ? {} : { throwOnSideEffect: true };
  const isPaused = session.process.pausedAt !== undefined || frame !== undefined;
  const kind = kindOf(expression, isPaused);
  const text = boxedExpression(expression, kind);
  let answer: CdpResult<'Runtime.evaluate'>;
  try {
    if (isPaused) {
      const { callFrameId } = callFrameOf(session, frame ?? 0);
      const params = { callFrameId, expression: text, timeout: timeoutMs, ...restraint };
      answer = await session.call('Debugger.evaluateOnCallFrame', params, timeoutMs + TRAVEL_MS);
    } else {
      const params = { expression: text, timeout: timeoutMs, awaitPromise: kind === 'awaiting', ...restraint };
      // V8's own limit is for code that runs; for a promise nobody settles there is only ours
      const limitMs = timeoutMs + (kind === 'awaiting' ? SETTLE_MARGIN_MS : TRAVEL_MS);
      answer = await session.call('Runtime.evaluate', params, limitMs);
    }
  } catch (error) {
    throw asTimeout(error, kind, expression, timeoutMs);
  }
  const { objectId } = answer.result;
  if (answer.exceptionDetails === undefined && objectId !== undefined) return objectId;
  const { exceptionDetails: details } = answer;
  const why = details?.exception?.description ?? details?.text ?? 'no result';
  if (readOnly !== undefined && why.startsWith(SIDE_EFFECT)) throw changesSomething(expression, readOnly);
  throw failed(`Cannot evaluate "${cut(expression)}"`, why);
}

/** V8 stops what ran too long by terminating it, and says so in its own words; a pending promise just gets no answer. */
function asTimeout(error: unknown, kind: ExpressionKind, expression: string, timeoutMs: number): unknown {
  const stopped = error instanceof SandboxError && /terminated/i.test(error.message);
  const waited = error instanceof SandboxError && error.code === 'TIMEOUT' && kind === 'awaiting';
  if (!stopped && !waited) return error;
  const why = stopped
    ? `it ran longer than ${timeoutMs} ms and was stopped`
    : `its promise was not settled after ${timeoutMs} ms`;
  const text = `Cannot evaluate "${cut(expression)}": ${why}`;
  return new SandboxError('TIMEOUT', text, { hint: 'Give it more time with --timeout, at most 10 s.', cause: error });
}

/** A paused program runs no promise: there `await` cannot be used. */
function kindOf(expression: string, isPaused: boolean): ExpressionKind {
  if (expressionProblem(expression) === undefined) return 'expression';
  return !isPaused && expressionProblem(expression, { await: true }) === undefined ? 'awaiting' : 'statements';
}

/** The value as V8 takes one to be set. @throws {SandboxError} EVALUATION_FAILED for a string that is too long to travel */
export async function unboxed(session: VirtualSession, { box, length }: Boxed): Promise<Protocol.Runtime.CallArgument> {
  if (length > MAX_SET_LENGTH) throw failed('Cannot set the variable', `a string of ${length} characters is too long`);
  const { objectId, unserializableValue, value } = await fetchChild(session, box, VALUE);
  if (objectId !== undefined) return { objectId };
  return unserializableValue === undefined ? { value } : { unserializableValue };
}

/** EVALUATION_FAILED, with what the code threw. */
export function failed(action: string, why: string): SandboxError {
  return new SandboxError('EVALUATION_FAILED', `${action}: ${why.slice(0, 500)}`);
}

function changesSomething(expression: string, why: 'policy' | 'asked'): SandboxError {
  if (why === 'asked') return failed(`Cannot evaluate "${cut(expression)}"`, 'it may change something');
  const text = `Cannot evaluate "${cut(expression)}": it may change something, and policy lets code only read here`;
  return new SandboxError('FORBIDDEN', text, {
    hint: 'The host can allow "state_modification" for this program with "sandmesh policy set".',
  });
}

function cut(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
