/** Moving the program: each takes the driver lease when it is free, and is refused with the holder's name when not. */

import { z } from 'zod';
import { type RequestTable, request } from '../dap-request.ts';
import type { DapSession } from '../dap-session.ts';
import { THREAD_ID } from '../thread-id.ts';

const threadArgs = z.object({ threadId: z.number().int().optional() });

const threads = request(z.object({}), async (session) => {
  const target = session.targetOrNone;
  if (target === undefined) return { threads: [] };
  const { targets } = await session.run('target.list', {});
  const name = targets.find(({ id }) => id === target)?.name ?? target;
  return { threads: [{ id: THREAD_ID, name }] };
});

const proceed = request(threadArgs, async (session, _args, { signal }) => {
  await session.stops.move(() => session.run('execution.resume', { target: session.target }, { signal }));
  return { allThreadsContinued: true };
});

const pause = request(threadArgs, async (session, _args, { signal }) => {
  await session.run('execution.pause', { target: session.target }, { signal });
  return undefined;
});

const next = request(threadArgs, (session, _args, { signal }) => step(session, { kind: 'over' }, signal));

const stepOut = request(threadArgs, (session, _args, { signal }) => step(session, { kind: 'out' }, signal));

const stepInArgs = threadArgs.extend({ targetId: z.number().int().optional() });

const stepIn = request(stepInArgs, (session, { targetId }, { signal }) => {
  if (targetId === undefined) return step(session, { kind: 'into' }, signal);
  const call = session.stepTargets.get(targetId);
  return step(session, { kind: 'into', call }, signal);
});

async function step(
  session: DapSession,
  move: { kind: 'over' | 'into' | 'out'; call?: number },
  signal: AbortSignal,
): Promise<undefined> {
  session.hasDriven = true;
  const skip = session.skipFiles.length === 0 ? {} : { skip: [...session.skipFiles] };
  await session.stops.move(() =>
    session.run('execution.step', { target: session.target, waitMs: 0, ...skip, ...move }, { signal }),
  );
  return undefined;
}

const frameArgs = z.object({ frameId: z.number().int() });

const stepInTargets = request(frameArgs, async (session, { frameId }, { signal }) => {
  const frame = session.frames.get(frameId);
  // Only the innermost frame is about to call something.
  if (frame !== 0) return { targets: [] };
  const { calls } = await session.run('inspect.calls', { target: session.target }, { signal });
  const { client } = session;
  const targets = calls.map(({ label, line, column }, index) => ({
    id: session.stepTargets.add(index),
    label,
    line: client.line(line),
    column: client.column(column),
  }));
  return { targets };
});

const restartFrame = request(frameArgs, async (session, { frameId }, { signal }) => {
  const frame = session.frames.get(frameId);
  session.hasDriven = true;
  await session.stops.move(() => session.run('execution.restart', { target: session.target, frame }, { signal }));
  return undefined;
});

export const executionRequests: RequestTable = {
  threads,
  continue: proceed,
  pause,
  next,
  stepIn,
  stepOut,
  stepInTargets,
  restartFrame,
};
