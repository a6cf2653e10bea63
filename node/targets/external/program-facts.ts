/** What a program says about itself over CDP: used to verify who answers, and to fill in an AttachedProcess. */

import { z } from 'zod';
import { SandboxError } from '#shared/errors.ts';
import type { CdpConnection } from '../cdp-connection.ts';

const FACTS_LIMIT_MS = 3_000;

/** Kept free of anything a program may have replaced or that has side effects; `require` is no part of it. */
const FACTS_EXPRESSION = `(() => {
  const p = globalThis.process;
  let cwd = '';
  try { cwd = p.cwd(); } catch {}
  const clip = (list) => Array.from(list, (text) => String(text).slice(0, 1000)).slice(0, 64);
  return JSON.stringify({
    pid: p.pid, cwd, title: p.title, argv: clip(p.argv), execArgv: clip(p.execArgv), version: p.version,
    nodeEnv: p.env.NODE_ENV, startedAt: Math.round(performance.timeOrigin),
    isStarted: performance.nodeTiming.loopStart >= 0 || Boolean(p.mainModule && p.mainModule.children.length),
  });
})()`;

const factsSchema = z.object({
  pid: z.number().int().positive(),
  cwd: z.string(),
  title: z.string(),
  argv: z.array(z.string()),
  execArgv: z.array(z.string()),
  version: z.string(),
  nodeEnv: z.string().optional(),
  startedAt: z.number(),
  isStarted: z.boolean(),
});
export type RemoteFacts = z.infer<typeof factsSchema>;

/** @throws {SandboxError} TIMEOUT when the program is stopped or blocked, PROCESS_NOT_NODE */
export async function askFacts(cdp: CdpConnection, where: string): Promise<RemoteFacts> {
  const answer = await cdp.send(
    'Runtime.evaluate',
    { expression: FACTS_EXPRESSION, returnByValue: true, silent: true },
    { timeoutMs: FACTS_LIMIT_MS },
  );
  const parsed =
    typeof answer.result.value === 'string' ? factsSchema.safeParse(JSON.parse(answer.result.value)) : undefined;
  if (parsed?.success) return parsed.data;
  throw new SandboxError('PROCESS_NOT_NODE', `What answers at ${where} does not describe itself as a Node process`);
}
