/** Why a breakpoint cannot do in one target what its record asks for, judged by the record alone. */

import { type Breakpoint, isProbe } from '#shared/model/breakpoint.ts';
import type { AdapterTraits } from '../../../targets/attached-process.ts';
import { probeExpressionProblem } from '../probes/expressions.ts';
import { parseLogMessage } from '../probes/log-message.ts';
import { expressionProblem } from './condition.ts';

/** Everything of a record that runs as code, for comparing. */
export function codeOf({ condition = '', log = '', capture = [] }: Breakpoint): string {
  return JSON.stringify([condition, log, capture]);
}

/** Why a debug adapter cannot do what a breakpoint asks for. */
export function beyondAdapter(record: Breakpoint, adapter: AdapterTraits): string | undefined {
  const { name, language } = adapter;
  const { where } = record;
  if (isProbe(record)) return `Logpoints and tracepoints are for Node programs; ${name} debugs ${language}`;
  if (where.kind === 'exception' && !adapter.stopsAt(where.filter)) {
    const which = where.filter === 'all' ? '' : `${where.filter} `;
    if (adapter.stopsAt('uncaught')) return `${name} stops at uncaught exceptions of ${language} only`;
    return `${name} does not stop at ${which}exceptions of ${language}`;
  }
  if (where.kind === 'function') return `${name} is asked for lines only: set it on the first line of "${where.name}"`;
  if (where.kind === 'script') return `${name} knows no scripts: set it by file and line`;
  return undefined;
}

/** Why the code of a record cannot be run. */
export function codeProblem({ where, condition, log, capture = [] }: Breakpoint): string | undefined {
  const ofCondition = condition === undefined ? undefined : expressionProblem(condition);
  if (ofCondition !== undefined) return `The condition ${ofCondition}`;
  if ((log !== undefined || capture.length > 0) && where.kind === 'exception')
    return 'An exception has no place to record';
  const ofCapture = capture.map((expression) => probeExpressionProblem(expression)).find((each) => each !== undefined);
  if (ofCapture !== undefined) return `The expression ${ofCapture}`;
  if (log === undefined) return undefined;
  try {
    parseLogMessage(log);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
