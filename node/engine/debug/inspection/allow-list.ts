/**
 * Which CDP calls a client may make on a target, by method and parameters: whatever is not named here is refused. An
 * allowed call's parameters are rebuilt from the ones known to be harmless; the rest is dropped.
 */

import { SandboxError } from '#shared/errors.ts';
import type { Right } from '#shared/rights.ts';
import { TOOL_FUNCTIONS } from '../inspection-tool/functions.ts';

export const MAX_EVALUATION_MS = 10_000;
export const DEFAULT_EVALUATION_MS = 2000;
/** Everything evaluated for clients lies in this group, released when the target runs on. */
export const CLIENT_OBJECTS = 'sandmesh-client';

type Params = Readonly<Record<string, unknown>>;

interface Rule {
  readonly right: Right;
  /** @returns the parameters to send; undefined refuses them */
  readonly rebuild: (params: Params) => Params | undefined;
}

const TOOLS: ReadonlySet<unknown> = new Set(Object.values(TOOL_FUNCTIONS));

const none = (): Params => ({});

function bounded(params: Params): Params {
  const { timeout } = params;
  const asked = typeof timeout === 'number' && timeout > 0 ? timeout : DEFAULT_EVALUATION_MS;
  return {
    expression: String(params['expression']),
    timeout: Math.min(asked, MAX_EVALUATION_MS),
    objectGroup: CLIENT_OBJECTS,
    silent: true,
    returnByValue: false,
    generatePreview: false,
    includeCommandLineAPI: false,
    ...(params['throwOnSideEffect'] === true ? { throwOnSideEffect: true } : {}),
  };
}

const RULES: Readonly<Record<string, Rule>> = {
  'Runtime.getIsolateId': { right: 'view', rebuild: none },
  'Runtime.getHeapUsage': { right: 'view', rebuild: none },
  'Runtime.getProperties': {
    right: 'view',
    // Never previews: V8 computes them unbounded.
    rebuild: ({ objectId }) => ({ objectId, ownProperties: true, nonIndexedPropertiesOnly: true }),
  },
  'Runtime.callFunctionOn': {
    right: 'view',
    // Any other function is code of the caller's choice: that is what `evaluate` is for.
    rebuild: (params) => {
      if (!TOOLS.has(params['functionDeclaration'])) return undefined;
      const { objectId, functionDeclaration, arguments: args } = params;
      const byValue = functionDeclaration !== TOOL_FUNCTIONS.child;
      return {
        objectId,
        functionDeclaration,
        arguments: args,
        silent: true,
        returnByValue: byValue,
        ...grouped(byValue),
      };
    },
  },
  'Debugger.getPossibleBreakpoints': {
    right: 'breakpoint',
    rebuild: ({ start, end, restrictToFunction }) => ({
      start,
      ...(end ? { end } : {}),
      ...flag({ restrictToFunction }),
    }),
  },
  'Debugger.evaluateOnCallFrame': {
    right: 'evaluate',
    rebuild: (params) => ({ ...bounded(params), callFrameId: params['callFrameId'] }),
  },
  'Runtime.evaluate': {
    right: 'evaluate',
    // A breakpoint inside would stop the target for everybody, in code that nobody wrote.
    rebuild: (params) => ({
      ...bounded(params),
      disableBreaks: true,
      ...flag({ awaitPromise: params['awaitPromise'] }),
    }),
  },
  'Debugger.setVariableValue': {
    right: 'state-write',
    rebuild: ({ scopeNumber, variableName, newValue, callFrameId }) => ({
      scopeNumber,
      variableName,
      newValue,
      callFrameId,
    }),
  },
  'Debugger.pause': { right: 'control', rebuild: none },
  'Debugger.resume': { right: 'control', rebuild: none },
  'Debugger.stepOver': { right: 'control', rebuild: none },
  'Debugger.stepInto': { right: 'control', rebuild: none },
  'Debugger.stepOut': { right: 'control', rebuild: none },
};

function grouped(byValue: boolean): Params {
  return byValue ? {} : { objectGroup: CLIENT_OBJECTS };
}

function flag(flags: Params): Params {
  return Object.fromEntries(Object.entries(flags).filter(([, value]) => value === true));
}

/**
 * @param rights what the caller holds on this target now, consent included
 * @returns the parameters that may be sent
 * @throws {SandboxError} FORBIDDEN
 */
export function allowCall(method: string, params: Params, rights: ReadonlySet<Right>): Params {
  const rule = Object.hasOwn(RULES, method) ? RULES[method] : undefined;
  if (rule === undefined) {
    throw new SandboxError(
      'FORBIDDEN',
      `Cannot pass "${method}" on to the target: it is not on the list of allowed calls`,
    );
  }
  // Showing the result of an evaluation takes looking into it; whoever may run code can look anyway.
  const may = rights.has(rule.right) || (rule.right === 'view' && rights.has('evaluate'));
  if (!may) {
    throw new SandboxError('FORBIDDEN', `Cannot pass "${method}" on to the target: it needs the right "${rule.right}"`);
  }
  const rebuilt = rule.rebuild(params);
  if (rebuilt !== undefined) return rebuilt;
  throw new SandboxError('FORBIDDEN', `Cannot pass "${method}" on to the target with these parameters`);
}
