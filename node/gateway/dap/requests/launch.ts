/** `launch`: runs a command line under sandmesh, as `sandmesh run` does, once the client has set its breakpoints. */

import { resolve } from 'node:path';
import { z } from 'zod';
import { LAUNCHED_ADAPTER_VARIABLE, type LaunchedAdapter } from '#protocol/adapter-messages.ts';
import { SandboxError } from '#shared/errors.ts';
import { type DapCall, type RequestTable, request } from '../dap-request.ts';
import type { DapSession } from '../dap-session.ts';
import { type LaunchCommand, SpawnedProgram, TerminalProgram } from '../launched-program.ts';
import { bindPlace, mapSchema, namedSandbox } from '../session-place.ts';
import { skipFilesSchema } from '../skip-files.ts';

const wordsSchema = z.array(z.string().max(32_768)).max(4096);

const launchArgs = z.object({
  /** A script for Node; or `command`, any command line whose Node processes are to be debugged. */
  program: z.string().max(4096).optional(),
  args: wordsSchema.optional(),
  runtimeExecutable: z.string().max(4096).optional(),
  runtimeArgs: wordsSchema.optional(),
  command: wordsSchema.optional(),
  /** A debug adapter by name, for a program in another language; as `run --adapter`. */
  adapter: z.string().max(100).optional(),
  cwd: z.string().max(4096).optional(),
  env: z.record(z.string().max(1000), z.string().nullable()).optional(),
  console: z.enum(['internalConsole', 'integratedTerminal', 'externalTerminal']).optional(),
  stopOnEntry: z.boolean().optional(),
  noDebug: z.boolean().optional(),
  /** As `run --sandbox`, `run --private` and `run --share`. */
  sandbox: z.string().max(200).optional(),
  private: z.boolean().optional(),
  share: z.boolean().optional(),
  /** What this client's breakpoints do, see the README. */
  breakpoints: z.enum(['ours', 'mine', 'snapshot']).optional(),
  /** As in VS Code: what this client's steps do not end in. */
  skipFiles: skipFilesSchema,
  map: mapSchema,
});

type LaunchArgs = z.output<typeof launchArgs>;

/** A program that is no target by then (a build first, say) is waited for no longer than a day. */
const TARGET_LIMIT_MS = 24 * 3600_000;

const launch = request(launchArgs, async (session, args, call) => {
  if (session.isBound) throw new SandboxError('BAD_ARGUMENT', 'Cannot launch: this debug session has a program');
  session.breakpointKind = args.breakpoints ?? 'ours';
  session.skipFiles = args.skipFiles;
  const folder = resolve(session.place.folder ?? process.cwd(), args.cwd ?? '.');
  const argv = argvOf(args);
  mustSuit(args);
  const { private: isPrivate, share } = args;
  const sandbox = await namedSandbox(session, args.sandbox);
  const opened = await session.run('sandbox.open', {
    folder,
    ...(sandbox === undefined ? {} : { sandbox }),
    ...(isPrivate === undefined ? {} : { private: isPrivate }),
    ...(share === undefined ? {} : { share }),
  });
  await bindPlace(session, opened.sandbox.id, { cwd: folder, map: args.map });
  session.events.start();
  session.wire.event('initialized');
  await untilConfigured(session, call);
  if (opened.link !== undefined && args.noDebug !== true) session.tell(`sandmesh join '${opened.link}'`);
  const env = environment(session, args.env);
  const prepared = args.noDebug === true ? undefined : await prepare(session, args, { argv, folder, env });
  const own = prepared?.adapter === undefined ? (prepared?.env ?? {}) : carrierEnv(prepared.adapter, prepared.env);
  const words = prepared?.adapter === undefined ? argv : [...session.services.ownCommand, 'adapter'];
  const command = { argv: words, folder, env: { ...env, ...own } };
  const inTerminal = session.client.runsInTerminal && (args.console ?? 'internalConsole') !== 'internalConsole';
  if (inTerminal) await runInTerminal(session, args, command, own, call);
  else await spawnHere(session, command, prepared?.launch);
  if (prepared !== undefined) followTarget(session, prepared.launch);
  else if (inTerminal) leaveToTerminal(session);
  return undefined;
});

export const launchRequests: RequestTable = { launch };

/** @throws {SandboxError} BAD_ARGUMENT */
function argvOf({ program, args = [], runtimeExecutable, runtimeArgs = [], command, adapter }: LaunchArgs): string[] {
  if (command !== undefined && command.length > 0) return [...command, ...args];
  if (program === undefined && runtimeExecutable === undefined) {
    throw new SandboxError('BAD_ARGUMENT', 'Cannot launch: neither "program" nor "command" says what', {
      hint: 'For example: "program": "server.js", or "command": ["npm", "start"].',
    });
  }
  // An adapter knows itself what runs a program of its language.
  const runtime = runtimeExecutable ?? (adapter === undefined ? 'node' : undefined);
  return [
    ...(runtime === undefined ? [] : [runtime]),
    ...runtimeArgs,
    ...(program === undefined ? [] : [program]),
    ...args,
  ];
}

/** @throws {SandboxError} BAD_ARGUMENT */
function mustSuit({ adapter, noDebug }: LaunchArgs): void {
  if (adapter === undefined || noDebug !== true) return;
  throw new SandboxError('BAD_ARGUMENT', `Cannot launch without debugging: "adapter" names ${adapter}, which debugs`, {
    hint: 'Leave "adapter" out and name the whole command line: "command": ["python3", "app.py"].',
  });
}

/** The adapter and its program get what is theirs from whoever carries its messages, a program of ours that is none to debug. */
function carrierEnv(
  adapter: LaunchedAdapter['adapter'],
  env: Readonly<Record<string, string>>,
): Record<string, string> {
  return { [LAUNCHED_ADAPTER_VARIABLE]: JSON.stringify({ adapter, env } satisfies LaunchedAdapter) };
}

function environment(session: DapSession, extra: LaunchArgs['env']): Record<string, string> {
  const base = session.place.env;
  const own = Object.keys(base).length > 0 ? base : definedOf(process.env);
  const merged: Record<string, string | null> = { ...own, ...extra };
  return Object.fromEntries(Object.entries(merged).flatMap(([key, value]) => (value === null ? [] : [[key, value]])));
}

function definedOf(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(Object.entries(env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
}

async function untilConfigured(session: DapSession, { signal }: DapCall): Promise<void> {
  signal.throwIfAborted();
  let abort: () => void = () => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
  });
  try {
    await Promise.race([session.configured, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function prepare(session: DapSession, { stopOnEntry, adapter }: LaunchArgs, { argv, folder, env }: LaunchCommand) {
  const nodeOptions = env['NODE_OPTIONS'] ?? '';
  return session.run('target.launch', {
    argv: [...argv],
    folder,
    ...(nodeOptions === '' ? {} : { nodeOptions }),
    ...(stopOnEntry === true ? { stopOnEntry } : {}),
    ...(adapter === undefined ? {} : { adapter }),
  });
}

async function spawnHere(session: DapSession, command: LaunchCommand, launch: string | undefined): Promise<void> {
  session.launched = await SpawnedProgram.start(command, {
    onOutput: (category, output) => session.wire.event('output', { category, output }),
    onEnd: (exitCode, signal) => {
      if (launch !== undefined) {
        // The daemon notes the end by itself when this session is gone already.
        session.run('target.finish', { launch, exitCode, signal }).catch(() => undefined);
      }
      if (signal !== null) session.tell(`sandmesh: the program was ended by ${signal}`);
      session.stops.take(null);
      session.events.end(exitCode ?? 1);
    },
  });
}

async function runInTerminal(
  session: DapSession,
  args: LaunchArgs,
  { argv, folder }: LaunchCommand,
  env: Readonly<Record<string, string>>,
  { signal }: DapCall,
): Promise<void> {
  const kind = args.console === 'externalTerminal' ? 'external' : 'integrated';
  const title = `sandmesh: ${argv.join(' ').slice(0, 80)}`;
  await session.wire.ask(
    'runInTerminal',
    { kind, title, cwd: folder, args: argv, env: { ...args.env, ...env } },
    signal,
  );
  session.launched = new TerminalProgram((force) => {
    const target = session.targetOrNone;
    // Of a terminal's processes only a target is known.
    if (target === undefined) return false;
    // Gone already: there is nothing left to end.
    session.run('target.terminate', { target, force }).catch(() => undefined);
    return true;
  });
}

/** Nothing tells when it ends, and nothing here could end it. */
function leaveToTerminal(session: DapSession): void {
  session.launched = undefined;
  session.tell('sandmesh: the program runs in its terminal, without sandmesh: this debug session is over');
  session.events.end(null);
}

/** The program is a target once its harness has called: then everything about it is told. */
function followTarget(session: DapSession, launch: string): void {
  const follow = async (): Promise<void> => {
    const { target } = await session.run('target.launched', { launch }, { timeoutMs: TARGET_LIMIT_MS });
    session.bindTarget(target.id);
    session.paths.placeProgram(target);
    session.wire.event('process', {
      name: target.name,
      systemProcessId: target.pid,
      isLocalProcess: true,
      startMethod: 'launch',
    });
    await session.events.open();
  };
  follow().catch((error: unknown) => session.fail(error));
}
