/** `attach`: a program that runs already, here or at another member; a link joins its sandbox first. */

import { z } from 'zod';
import { SandboxError } from '#shared/errors.ts';
import { isTargetId, type SandboxId, type TargetId } from '#shared/ids.ts';
import type { Target } from '#shared/model/target.ts';
import { type DapCall, type RequestTable, request } from '../dap-request.ts';
import type { DapSession } from '../dap-session.ts';
import { bindPlace, mapSchema, namedSandbox } from '../session-place.ts';
import { skipFilesSchema } from '../skip-files.ts';

const attachArgs = z.object({
  /** Name, id or pid of a target of the sandbox. */
  target: z.union([z.string(), z.number().int()]).optional(),
  name: z.string().optional(),
  /** A process of this machine, a target yet or not. */
  pid: z.union([z.string(), z.number().int()]).optional(),
  processId: z.union([z.string(), z.number().int()]).optional(),
  /** An inspector at host:port. */
  address: z.string().max(300).optional(),
  sandbox: z.string().max(200).optional(),
  /** An invitation: joins, once somebody there says yes. */
  link: z.string().max(10_000).optional(),
  cwd: z.string().max(4096).optional(),
  /** What this client's breakpoints do, see the README. */
  breakpoints: z.enum(['ours', 'mine', 'snapshot']).optional(),
  /** As in VS Code: what this client's steps do not end in. */
  skipFiles: skipFilesSchema,
  map: mapSchema,
});

type AttachArgs = z.output<typeof attachArgs>;

const LIVE: ReadonlySet<Target['state']> = new Set(['starting', 'running', 'paused', 'restarting']);
const DAY_MS = 24 * 3600_000;

const attach = request(attachArgs, async (session, args, call) => {
  if (session.isBound) throw new SandboxError('BAD_ARGUMENT', 'Cannot attach: this debug session has a program');
  session.breakpointKind = args.breakpoints ?? 'ours';
  session.skipFiles = args.skipFiles;
  const where = args.pid ?? args.processId ?? args.address;
  const sandbox = await sandboxFor(session, args, where !== undefined, call);
  await bindPlace(session, sandbox, args);
  const target = await targetFor(session, args, where === undefined ? undefined : String(where), call);
  session.bindTarget(target.id);
  session.paths.placeProgram(target);
  session.events.start();
  session.wire.event('process', {
    name: target.name,
    systemProcessId: target.pid,
    isLocalProcess: !session.isRemote,
    startMethod: 'attach',
  });
  session.wire.event('initialized');
  // The response tells the client that it is attached; its breakpoints come after it with some.
  session.configured.then(() => session.events.open()).catch((error: unknown) => session.fail(error));
  return undefined;
});

export const attachRequests: RequestTable = { attach };

async function sandboxFor(
  session: DapSession,
  args: AttachArgs,
  isProcess: boolean,
  call: DapCall,
): Promise<SandboxId | undefined> {
  if (args.link !== undefined) return join(session, args.link, call);
  const named = await namedSandbox(session, args.sandbox);
  if (named !== undefined) return named;
  const folder = args.cwd ?? session.place.folder;
  if (!isProcess || folder === undefined) return undefined;
  // A process that is attached to is brought into the sandbox of the folder, as by "sandmesh attach".
  return (await session.run('sandbox.open', { folder })).sandbox.id;
}

async function join(session: DapSession, link: string, call: DapCall): Promise<SandboxId> {
  const folder = session.place.folder;
  const notices = session.services.hub.subscribe(undefined, ['notices'], ({ event }) => {
    const { text } = event as { text: string };
    session.tell(`sandmesh: ${text}`);
  });
  const progressId = `join-${call.seq}`;
  const { showsProgress } = session.client;
  if (showsProgress) {
    const title = 'Joining: waiting to be let in';
    session.wire.event('progressStart', { progressId, title, requestId: call.seq, cancellable: true });
  }
  try {
    const args = { link, ...(folder === undefined ? {} : { folder }) };
    const { sandbox } = await session.run('sandbox.join', args, { signal: call.signal, timeoutMs: DAY_MS });
    return sandbox.id;
  } finally {
    notices.close();
    if (showsProgress) session.wire.event('progressEnd', { progressId });
  }
}

async function targetFor(
  session: DapSession,
  args: AttachArgs,
  where: string | undefined,
  { signal }: DapCall,
): Promise<Target> {
  const wanted = args.target ?? args.name;
  const { targets } = await session.run('target.list', {}, { signal });
  if (wanted !== undefined) return matchTarget(targets, String(wanted));
  if (where === undefined) {
    const { target } = await session.run('debug.open', {}, { signal });
    const found = targets.find(({ id }) => id === target);
    if (found !== undefined) return found;
  }
  const known = targets.find(({ pid, state, host }) => {
    return String(pid) === where && LIVE.has(state) && host === session.members.self;
  });
  return known ?? session.run('target.attach', { where: where ?? '' }, { signal });
}

/** @throws {SandboxError} TARGET_UNKNOWN naming the targets there are */
function matchTarget(targets: readonly Target[], text: string): Target {
  const live = targets.filter(({ state }) => LIVE.has(state));
  const exact = live.filter(({ name, pid, id }) => name === text || String(pid) === text || id === text);
  const [only, ...more] = exact;
  if (only !== undefined && more.length === 0) return only;
  const known = live.map(({ name, id }: { name: string; id: TargetId }) => `${name} (${id})`).join(', ');
  const why = more.length > 0 ? `it fits ${exact.length} programs` : 'there is no such program';
  const ended = isTargetId(text) && targets.some(({ id }) => id === text) ? ': it has ended' : why;
  throw new SandboxError('TARGET_UNKNOWN', `Cannot attach to "${text}": ${ended}`, {
    hint: known === '' ? 'No program is in this sandbox: "sandmesh run -- <command>".' : `There are: ${known}.`,
  });
}
