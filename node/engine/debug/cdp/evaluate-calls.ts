/**
 * DevTools methods that run code, or change a variable, in the program. Parameters are rebuilt from the known ones, and
 * whatever runs has a time limit: V8's own where it takes one, else the call is made by an expression that has one.
 */

import type { Protocol } from 'devtools-protocol';
import { SandboxError } from '#shared/errors.ts';
import { DEFAULT_EVALUATION_MS, MAX_EVALUATION_MS } from '../inspection/allow-list.ts';
import { putAside } from '../inspection/put-aside.ts';
import { callTool } from '../inspection/tool-calls.ts';
import { objectIdOf } from '../inspection/variables.ts';
import type { PreviewNode } from '../inspection-tool/answers.ts';
import { contextOf } from '../inspection-tool/installed-tool.ts';
import type { CallFrames } from '../stops/glance.ts';
import type { Call, CallOptions, CdpClientSession, Params } from './client-session.ts';
import { ownContext } from './look-calls.ts';
import { objectPreview } from './remote-objects.ts';

type RemoteObject = Protocol.Runtime.RemoteObject;
type Answer = Protocol.Runtime.EvaluateResponse;

/** Time for an answer to travel on top of what the code may take. */
const TRAVEL_MS = 1_000;
const MAX_CODE_CHARS = 1_000_000;
const MAX_ARGUMENTS = 100;

interface Code {
  readonly expression: string;
  readonly timeoutMs: number;
  readonly group: string;
  /** V8's own; undefined: globally. */
  readonly frame: string | undefined;
  readonly contextId?: number | undefined;
}

const evaluate: Call = async (session, params, options) => {
  const { contextId, uniqueContextId } = params;
  const context = contextId ?? (typeof uniqueContextId === 'string' ? uniqueContextId.split('.').at(-1) : undefined);
  const asked = {
    expression: code(params['expression']),
    timeoutMs: timeoutOf(params),
    group: session.groupOf(params),
    frame: undefined,
    contextId: context === undefined ? undefined : ownContext(session, context),
  };
  return previewed(session, await run(session, asked, params, options), asked.group, params);
};

const evaluateOnCallFrame: Call = async (session, params, options) => {
  const asked = {
    expression: code(params['expression']),
    timeoutMs: timeoutOf(params),
    group: session.groupOf(params),
    frame: session.frames.toOwn(params['callFrameId']),
  };
  return previewed(session, await run(session, asked, params, options), asked.group, params);
};

/**
 * While the program stands V8 does not stop what was evaluated globally, whatever its time limit (measured on 20.20): it
 * is evaluated in the innermost frame then, by an `eval` that sees the global scope only.
 */
async function run(session: CdpClientSession, asked: Code, params: Params, options: CallOptions): Promise<Answer> {
  const { cdp, pausedAt } = session.process;
  const { expression, timeoutMs, group, contextId } = asked;
  const callFrameId = asked.frame ?? frameIn(pausedAt?.callFrames, contextId)?.callFrameId;
  const limits = { timeoutMs: timeoutMs + TRAVEL_MS, signal: options.signal };
  const common = {
    timeout: timeoutMs,
    objectGroup: group,
    ...flags(params, ['silent', 'returnByValue', 'throwOnSideEffect']),
    ...restraint(options),
  };
  if (callFrameId !== undefined) {
    const text = asked.frame === undefined ? `(0, eval)(${JSON.stringify(expression)})` : expression;
    return limited(
      cdp.send('Debugger.evaluateOnCallFrame', { ...common, callFrameId, expression: text }, limits),
      timeoutMs,
    );
  }
  const globally = {
    ...common,
    ...flags(params, ['awaitPromise', 'replMode']),
    expression,
    // A breakpoint inside would stop the target for everybody, in code that nobody wrote.
    disableBreaks: true,
    ...(contextId === undefined ? {} : { contextId }),
  };
  return limited(cdp.send('Runtime.evaluate', globally, limits), timeoutMs);
}

/** The innermost frame in a context; where none is, or none is wanted, the innermost of all. */
function frameIn(callFrames: CallFrames | undefined, context: number | undefined): CallFrames[number] | undefined {
  const isThere = ({ scopeChain }: CallFrames[number]) =>
    scopeChain.some(({ object }) => object.objectId !== undefined && contextOf(object.objectId) === context);
  return (context === undefined ? undefined : callFrames?.find(isThere)) ?? callFrames?.[0];
}

/** V8 gives this one no time limit: an expression that has one makes the call, with `this` and arguments put aside. */
const callFunctionOn: Call = async (session, params, options) => {
  const group = groupOfCall(session, params);
  const declaration = code(params['functionDeclaration']);
  const self = await receiver(session, params);
  // What receives nothing runs where it would be evaluated.
  const beside = self.objectId ?? session.process.pausedAt?.callFrames[0]?.scopeChain[0]?.object.objectId;
  const aside = await putAside(session.process, beside, [self, ...(await ownArguments(session, params))]);
  const expression = `(() => { const [self, ...values] = ${aside.expression}; return Reflect.apply((${declaration}\n), self, values); })()`;
  try {
    const asked = {
      expression,
      timeoutMs: timeoutOf(params),
      group,
      frame: undefined,
      contextId: aside.contextId,
    };
    const answer = await run(session, asked, params, options);
    return await previewed(session, answer, group, params);
  } finally {
    aside.takeBack();
  }
};

const awaitPromise: Call = async (session, params, options) => {
  const shown = session.objects.get(params['promiseObjectId']);
  const timeout = timeoutOf(params);
  const promiseObjectId = await objectIdOf(session.view, shown.value);
  const answer = await session.process.cdp.send(
    'Runtime.awaitPromise',
    { promiseObjectId, ...flags(params, ['returnByValue']) },
    { timeoutMs: timeout, signal: options.signal },
  );
  return previewed(session, answer, shown.group, params);
};

/** Only parsed: nothing stays, nothing runs. */
const compileScript: Call = async (session, params) => {
  const { executionContextId } = params;
  const answer = await session.process.cdp.send('Runtime.compileScript', {
    expression: code(params['expression']),
    sourceURL: '',
    persistScript: false,
    ...(executionContextId === undefined ? {} : { executionContextId: ownContext(session, executionContextId) }),
  });
  return session.shown(answer, undefined);
};

const setVariableValue: Call = async (session, params) => {
  const { scopeNumber, variableName, newValue, callFrameId } = params;
  await session.process.cdp.send('Debugger.setVariableValue', {
    scopeNumber: Number(scopeNumber),
    variableName: String(variableName).slice(0, 300),
    newValue: await ownArgument(session, newValue),
    callFrameId: session.frames.toOwn(callFrameId),
  });
  return {};
};

export const EVALUATE_CALLS: Readonly<Record<string, Call>> = {
  'Debugger.evaluateOnCallFrame': evaluateOnCallFrame,
  'Debugger.setVariableValue': setVariableValue,
  'Runtime.awaitPromise': awaitPromise,
  'Runtime.callFunctionOn': callFunctionOn,
  'Runtime.compileScript': compileScript,
  'Runtime.evaluate': evaluate,
};

function timeoutOf({ timeout }: Params): number {
  const asked = typeof timeout === 'number' && timeout > 0 ? timeout : DEFAULT_EVALUATION_MS;
  return Math.min(asked, MAX_EVALUATION_MS);
}

function code(text: unknown): string {
  if (typeof text === 'string' && text.length <= MAX_CODE_CHARS) return text;
  throw new SandboxError('BAD_ARGUMENT', `Cannot run this code: it is no text of at most ${MAX_CODE_CHARS} characters`);
}

function flags(params: Params, names: readonly string[]): Record<string, true> {
  return Object.fromEntries(names.filter((name) => params[name] === true).map((name) => [name, true as const]));
}

function restraint({ readOnly }: CallOptions): { throwOnSideEffect?: true } {
  return readOnly ? { throwOnSideEffect: true } : {};
}

/** V8 stops what ran too long by terminating it, and says so in its own words. */
async function limited<T>(answer: Promise<T>, timeoutMs: number): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof SandboxError) || !/terminated/i.test(error.message)) throw error;
    throw new SandboxError(
      'TIMEOUT',
      `Cannot finish this evaluation: it ran longer than ${timeoutMs} ms and was stopped`,
    );
  }
}

function groupOfCall(session: CdpClientSession, params: Params): string {
  const { objectGroup, objectId } = params;
  const inherited =
    objectGroup === undefined && objectId !== undefined ? session.objects.get(objectId).group : undefined;
  return inherited !== undefined && session.groups.has(inherited) ? inherited : session.groupOf(params);
}

async function receiver(session: CdpClientSession, params: Params): Promise<Protocol.Runtime.CallArgument> {
  const { objectId } = params;
  if (objectId === undefined) return {};
  return { objectId: await objectIdOf(session.view, session.objects.get(objectId).value) };
}

function ownArguments(session: CdpClientSession, params: Params): Promise<Protocol.Runtime.CallArgument[]> {
  const { arguments: given } = params;
  const list = Array.isArray(given) ? given.slice(0, MAX_ARGUMENTS) : [];
  return Promise.all(list.map((argument) => ownArgument(session, argument)));
}

async function ownArgument(session: CdpClientSession, argument: unknown): Promise<Protocol.Runtime.CallArgument> {
  const { objectId, unserializableValue, value } = Object(argument) as Params;
  if (objectId !== undefined) return { objectId: await objectIdOf(session.view, session.objects.get(objectId).value) };
  return unserializableValue === undefined ? { value } : { unserializableValue: String(unserializableValue) };
}

async function previewed(
  session: CdpClientSession,
  answer: Answer,
  group: string | undefined,
  params: Params,
): Promise<object> {
  const shown = session.shown(answer, group);
  const { objectId } = answer.result;
  if (params['generatePreview'] !== true || objectId === undefined || answer.result.type !== 'object') return shown;
  const node = JSON.parse(String(await callTool(session.view, objectId, 'preview'))) as PreviewNode;
  const result: RemoteObject = { ...shown.result };
  if (node.e !== undefined) result.preview = objectPreview(node, '', (_name, text) => text);
  return { ...shown, result };
}
