/**
 * Every DevTools method that a client may call at all, and what it becomes: whatever is not named here is refused. One
 * table for both ends, so that a gateway knows which command carries a call and a host that no other does.
 */

/** - a command: what a host's virtual session answers, under the right that command needs
 *  - `execution`, `breakpoint`: translated into the commands that everybody else uses */
export type CdpRoute = 'cdp.look' | 'cdp.evaluate' | 'cdp.set' | 'execution' | 'breakpoint';

/** Answered with nothing done: about this client alone, or about what no client may change for the others. */
export const CDP_NO_OPS: ReadonlySet<string> = new Set([
  'Console.clearMessages',
  'Console.disable',
  'Console.enable',
  // Async stacks cost a program five sixths of its throughput: nobody gets them by the way.
  'Debugger.setAsyncCallStackDepth',
  'Debugger.setBlackboxExecutionContexts',
  'Debugger.setBlackboxPatterns',
  'Debugger.setBlackboxedRanges',
  'HeapProfiler.disable',
  'HeapProfiler.enable',
  'NodeRuntime.disable',
  'NodeRuntime.enable',
  'NodeRuntime.notifyWhenWaitingForDisconnect',
  // Workers are targets of their own.
  'NodeWorker.disable',
  'NodeWorker.enable',
  'Profiler.disable',
  'Profiler.enable',
  'Profiler.setSamplingInterval',
  'Runtime.discardConsoleEntries',
  'Runtime.runIfWaitingForDebugger',
  'Runtime.setAsyncCallStackDepth',
  'Runtime.setCustomObjectFormatterEnabled',
  'Runtime.setMaxCallStackSizeToCapture',
]);

const ROUTES: Readonly<Record<string, CdpRoute>> = {
  'Debugger.disable': 'cdp.look',
  'Debugger.enable': 'cdp.look',
  'Debugger.getPossibleBreakpoints': 'cdp.look',
  'Debugger.getScriptSource': 'cdp.look',
  'Debugger.setSkipAllPauses': 'cdp.look',
  'Runtime.disable': 'cdp.look',
  'Runtime.enable': 'cdp.look',
  'Runtime.getHeapUsage': 'cdp.look',
  'Runtime.getIsolateId': 'cdp.look',
  'Runtime.getProperties': 'cdp.look',
  'Runtime.globalLexicalScopeNames': 'cdp.look',
  'Runtime.releaseObject': 'cdp.look',
  'Runtime.releaseObjectGroup': 'cdp.look',
  'Schema.getDomains': 'cdp.look',

  'Debugger.evaluateOnCallFrame': 'cdp.evaluate',
  'Runtime.awaitPromise': 'cdp.evaluate',
  'Runtime.callFunctionOn': 'cdp.evaluate',
  'Runtime.compileScript': 'cdp.evaluate',
  'Runtime.evaluate': 'cdp.evaluate',

  'Debugger.setVariableValue': 'cdp.set',

  'Debugger.pause': 'execution',
  'Debugger.resume': 'execution',
  'Debugger.stepInto': 'execution',
  'Debugger.stepOut': 'execution',
  'Debugger.stepOver': 'execution',

  'Debugger.removeBreakpoint': 'breakpoint',
  'Debugger.setBreakpoint': 'breakpoint',
  'Debugger.setBreakpointByUrl': 'breakpoint',
  'Debugger.setBreakpointsActive': 'breakpoint',
  'Debugger.setPauseOnExceptions': 'breakpoint',
};

const WORKER_MESSAGE = 'NodeWorker.sendMessageToWorker';

/**
 * @param params a message to a worker is judged by the one inside it
 * @returns undefined for what no client may call
 */
export function routeOfCdp(method: string, params: Readonly<Record<string, unknown>>): CdpRoute | undefined {
  if (method === WORKER_MESSAGE) return routeOfNested(params['message']);
  if (CDP_NO_OPS.has(method)) return 'cdp.look';
  return Object.hasOwn(ROUTES, method) ? ROUTES[method] : undefined;
}

/** One level: a worker's worker is reached by no call of ours. */
function routeOfNested(message: unknown): CdpRoute | undefined {
  if (typeof message !== 'string') return undefined;
  let nested: unknown;
  try {
    nested = JSON.parse(message);
  } catch {
    return undefined;
  }
  const { method, params }: { method?: unknown; params?: unknown } = Object(nested);
  if (typeof method !== 'string' || method === WORKER_MESSAGE) return undefined;
  return routeOfCdp(method, Object(params));
}
