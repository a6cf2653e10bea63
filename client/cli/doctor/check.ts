/** What one check of `doctor` is, and its time limit. */

import type { CliContext } from '../context.ts';

export interface CheckResult {
  readonly state: 'ok' | 'warning' | 'problem';
  /** What was found, one sentence without full stop. */
  readonly detail: string;
  /** What to do about it. */
  readonly advice?: string;
}

export interface Check {
  readonly name: string;
  readonly run: (context: CliContext, signal: AbortSignal) => Promise<CheckResult>;
}

export interface NamedResult extends CheckResult {
  readonly name: string;
}

export const CHECK_LIMIT_MS = 4_000;

/** Runs one check; a check that throws or takes too long is itself the finding. Never rejects. */
export async function runCheck(check: Check, context: CliContext, limitMs = CHECK_LIMIT_MS): Promise<NamedResult> {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<CheckResult>((resolve) => {
    timer = setTimeout(() => {
      controller.abort();
      resolve({
        state: 'problem',
        detail: `did not finish within ${limitMs / 1000} s`,
        advice: 'Is the machine overloaded?',
      });
    }, limitMs);
  });
  try {
    const result = await Promise.race([check.run(context, controller.signal), limit]);
    return { name: check.name, ...result };
  } catch (error) {
    return { name: check.name, state: 'problem', detail: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(timer);
  }
}
