/** What this adapter answers, as `initialize` tells it. Whatever is not claimed here is refused by its name. */

import type { DebugProtocol } from '@vscode/debugprotocol';
import type { ExceptionFilter } from '#shared/model/breakpoint.ts';

export const EXCEPTION_FILTERS: readonly (DebugProtocol.ExceptionBreakpointsFilter & { filter: ExceptionFilter })[] = [
  {
    filter: 'caught',
    label: 'Caught Exceptions',
    description: 'Stops where an exception is thrown that a catch will get.',
    default: false,
  },
  {
    filter: 'uncaught',
    label: 'Uncaught Exceptions',
    // Off unless asked for: whoever attaches would stop the program for everybody.
    description: 'Stops where an exception is thrown that nothing catches.',
    default: false,
  },
];

export const CAPABILITIES: DebugProtocol.Capabilities = {
  supportsConfigurationDoneRequest: true,
  supportsFunctionBreakpoints: true,
  supportsConditionalBreakpoints: true,
  supportsHitConditionalBreakpoints: true,
  supportsLogPoints: true,
  supportsEvaluateForHovers: true,
  exceptionBreakpointFilters: [...EXCEPTION_FILTERS],
  supportsSetVariable: true,
  supportsSetExpression: true,
  supportsRestartFrame: true,
  supportsStepInTargetsRequest: true,
  supportsCompletionsRequest: true,
  completionTriggerCharacters: ['.'],
  supportsModulesRequest: true,
  supportsExceptionInfoRequest: true,
  supportTerminateDebuggee: true,
  supportsDelayedStackTraceLoading: true,
  supportsLoadedSourcesRequest: true,
  supportsTerminateRequest: true,
  supportsCancelRequest: true,
  supportsBreakpointLocationsRequest: true,
  supportsClipboardContext: true,
};
