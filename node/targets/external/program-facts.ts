/** What a program says about itself over CDP: used to verify who answers, and to fill in an AttachedProcess. */

import { z } from 'zod';
import { SandboxError } from '#shared/errors.ts';
import type { CdpConnection } from '../cdp-connection.ts';
import { splitNodeArguments } from '../node-arguments.ts';
import type { ProcessInfo } from '../platform/platform.ts';

const FACTS_LIMIT_MS = 3_000;

/**
 * Kept free of anything a program may have replaced or that has side effects. While `--inspect-brk` waits for its
 * debugger, Node has not yet set up pid and arguments.
 */
const FACTS_EXPRESSION = `(() => {
  const p = globalThis.process;
  let cwd = '';
  try { cwd = p.cwd(); } catch {}
  const clip = (list) => list && Array.from(list, (text) => String(text).slice(0, 1000)).slice(0, 64);
  return JSON.stringify({
    pid: p.pid, cwd, title: p.title, argv: clip(p.argv), version: p.version, nodeEnv: p.env.NODE_ENV,
    startedAt: Math.round(performance.timeOrigin),
  });
})()`;

const factsSchema = z.object({
  pid: z.number().int().positive().optional(),
  cwd: z.string(),
  title: z.string().optional(),
  argv: z.array(z.string()).optional(),
  version: z.string(),
  nodeEnv: z.string().optional(),
  startedAt: z.number(),
});

export interface RemoteFacts {
  readonly pid: number;
  readonly cwd: string;
  readonly title: string;
  readonly argv: readonly string[];
  readonly version: string;
  readonly nodeEnv: string | undefined;
  readonly startedAt: number;
  /** It stands before its first line until told to run (`--inspect-brk`, `--inspect-wait`). */
  readonly isWaiting: boolean;
}

/**
 * @param known what the system says about the process, for what a waiting one does not know yet
 * @throws {SandboxError} TIMEOUT when the program is stopped or blocked, PROCESS_NOT_NODE
 */
export async function askFacts(
  cdp: CdpConnection,
  where: string,
  known: Pick<ProcessInfo, 'pid' | 'argv'> | undefined,
): Promise<RemoteFacts> {
  const answer = await cdp.send(
    'Runtime.evaluate',
    { expression: FACTS_EXPRESSION, returnByValue: true, silent: true },
    { timeoutMs: FACTS_LIMIT_MS },
  );
  const { value } = answer.result;
  const parsed = typeof value === 'string' ? factsSchema.safeParse(JSON.parse(value)) : undefined;
  const pid = parsed?.data?.pid ?? known?.pid;
  if (parsed?.data === undefined || pid === undefined) {
    throw new SandboxError('PROCESS_NOT_NODE', `What answers at ${where} does not describe itself as a Node process`);
  }
  const { cwd, title = '', argv, version, nodeEnv, startedAt } = parsed.data;
  const isWaiting = parsed.data.pid === undefined;
  return {
    pid,
    cwd,
    title,
    argv: argv ?? splitNodeArguments(known?.argv ?? []).argv,
    version,
    nodeEnv,
    startedAt,
    isWaiting,
  };
}
