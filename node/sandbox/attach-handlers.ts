/** Handlers that bring programs into a sandbox, and the flow of attached processes to its engine. */

import { z } from 'zod';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId, SandboxId } from '#shared/ids.ts';
import { sandboxIdSchema } from '#shared/model/schemas.ts';
import type { Target } from '#shared/model/target.ts';
import type { DaemonHandler, Handler } from '../pipeline/context.ts';
import type { DaemonHandlers, SandboxHandlers } from '../pipeline/pipeline.ts';
import {
  type AdapterLaunch,
  type AdapterProgram,
  configuredLaunch,
  type OwnAdapter,
  RECIPES,
} from '../targets/adapter/recipes.ts';
import type { AttachedProcess } from '../targets/attached-process.ts';
import type { Attachment } from '../targets/attachment.ts';
import { LAUNCH_VARIABLE } from '../targets/harness/shared-state.ts';
import type { ProcessReading } from '../targets/process-monitor.ts';
import type { WorkerThread } from '../targets/worker-threads.ts';
import type { RunningSandbox } from './running-sandbox.ts';
import type { SandboxRegistry } from './sandbox-registry.ts';

/** What comes back with every process of a launch, after a restart of the daemon too. */
const launchContextSchema = z.object({
  sandbox: sandboxIdSchema,
  /** `true`: hold until anybody joined; a name: until that member. */
  wait: z.union([z.literal(true), z.string()]).optional(),
  stopOnEntry: z.boolean().optional(),
});

export interface AttachOptions {
  readonly attachment: Attachment;
  readonly registry: SandboxRegistry;
  /** Debug adapters of the configuration, by name. */
  readonly adapters: () => Readonly<Record<string, OwnAdapter>>;
  readonly onError: (error: unknown) => void;
}

/**
 * Hands every launched process to the engine of the sandbox it was launched for.
 *
 * @returns a function that stops it
 */
export function adoptLaunched({ attachment, registry, onError }: AttachOptions): () => void {
  const adopt = async (process: AttachedProcess): Promise<void> => {
    const launch = process.launch === undefined ? undefined : attachment.launchOf(process.launch);
    // A process attached to by pid or address is adopted by its command, which knows the sandbox.
    if (launch?.context === undefined) return;
    const context = launchContextSchema.parse(JSON.parse(launch.context));
    const sandbox = await registry.get(context.sandbox as SandboxId);
    await adoptProcess(sandbox, process, { attachment, onError }, context);
  };
  return attachment.events.on('attached', (process) => {
    adopt(process).catch((error: unknown) => {
      onError(error);
      // A program is never left standing because we failed.
      process.detach().catch(onError);
    });
  });
}

async function adoptProcess(
  sandbox: RunningSandbox,
  process: AttachedProcess,
  { attachment, onError }: Pick<AttachOptions, 'attachment' | 'onError'>,
  { wait, stopOnEntry }: Pick<z.output<typeof launchContextSchema>, 'wait' | 'stopOnEntry'>,
): ReturnType<RunningSandbox['engine']['adopt']> {
  await process.workers?.follow((worker) => void adoptWorker(sandbox, worker, onError));
  const target = await sandbox.engine.adopt(process, {
    ...(wait === undefined ? {} : { wait: memberJoined(sandbox, wait, process) }),
    ...(stopOnEntry === true ? { stopOnEntry } : {}),
  });
  const hosted = sandbox.engine.hosted(target.id);
  const monitor = attachment.monitor(process, { mayAsk: () => hosted.isLive && !hosted.session.isPausing });
  const metricsOf = (reading: ProcessReading) => {
    const restarts = sandbox.engine.target(target.id)?.restarts ?? 0;
    return { metrics: { ...reading, target: target.id, restarts } };
  };
  monitor.events.on('reading', (reading) => sandbox.engine.reportMetrics(metricsOf(reading)));
  monitor.events.on('alarm', ({ reading, text }) => {
    sandbox.engine.reportMetrics({ ...metricsOf(reading), alarm: text });
  });
  return target;
}

async function adoptWorker(
  sandbox: RunningSandbox,
  worker: WorkerThread,
  onError: (error: unknown) => void,
): Promise<void> {
  try {
    await worker.workers.follow((inner) => void adoptWorker(sandbox, inner, onError));
    await sandbox.engine.adopt(worker);
  } catch (error) {
    // Many live for milliseconds only.
    if (SandboxError.from(error).code !== 'TARGET_GONE') onError(error);
    // A thread is never left standing because we failed.
    await worker.detach();
  }
}

/** Resolves when somebody else (or that member) is connected. */
async function memberJoined(sandbox: RunningSandbox, wait: true | string, process: AttachedProcess): Promise<void> {
  const { replica } = sandbox;
  const fits = (member: MemberId): boolean => wait === true || replica.control.members.get(member)?.name === wait;
  if (replica.connected().some(fits)) return;
  const gone = new AbortController();
  process.events.on('exit', () => gone.abort());
  try {
    await replica.events.next('peer', {
      test: ({ member, connected }) => connected && fits(member),
      signal: gone.signal,
    });
  } catch (error) {
    // The program ended while it was held: nobody waits any more.
    if (!gone.signal.aborted) throw error;
  }
}

export function attachDaemonHandlers({ attachment }: AttachOptions): DaemonHandlers {
  const candidates: DaemonHandler<'target.candidates'> = async () => ({ processes: await attachment.candidates() });
  return { 'target.candidates': candidates };
}

export function attachHandlers({
  attachment,
  registry,
  onError,
  adapters,
}: AttachOptions): SandboxHandlers<RunningSandbox> {
  const launch: Handler<'target.launch', RunningSandbox> = async (args, { sandbox }) => {
    const { wait, stopOnEntry } = args;
    const context = {
      sandbox: sandbox.id,
      ...(wait === undefined ? {} : { wait }),
      ...(stopOnEntry === undefined ? {} : { stopOnEntry }),
    };
    const known = args.adapter === undefined ? undefined : adapterLaunch(args.adapter, args, adapters());
    const adapter = known && { ...known, stopOnEntry: stopOnEntry === true };
    const prepared = attachment.launch({
      argv: args.argv,
      folder: args.folder,
      wait: args.wait !== undefined,
      context: JSON.stringify(context),
      ...(adapter === undefined ? {} : { adapter }),
      ...(args.nodeOptions === undefined ? {} : { nodeOptions: args.nodeOptions }),
    });
    const { launch, env } = prepared;
    if (adapter === undefined) return { launch: launch.id, env: { ...env } };
    const { name, commands, address, endsWhenLeft } = adapter;
    const started = {
      name,
      commands: commands.map((command) => [...command]),
      ...(address === undefined ? {} : { address }),
      ...(endsWhenLeft === undefined ? {} : { endsWhenLeft }),
      socketPath: attachment.socketPath,
      ticket: env[LAUNCH_VARIABLE] as string,
    };
    return { launch: launch.id, env: { ...env }, adapter: started };
  };
  const finish: Handler<'target.finish', RunningSandbox> = async (args) => {
    attachment.finish(args.launch, { code: args.exitCode, signal: args.signal });
    for (const sandbox of registry.running()) sandbox.engine.finishLaunch(args.launch, args.exitCode, args.signal);
    return {};
  };
  const attach: Handler<'target.attach', RunningSandbox> = async (args, { sandbox }) => {
    const { where, tunnel } = args;
    if (tunnel !== undefined) {
      const remote = await attachment.attachThrough(where.replace(/^unix:/, ''), tunnel);
      return adoptProcess(sandbox, remote, { attachment, onError }, {});
    }
    const process = await attachment.attach(where);
    const known = sandbox.engine
      .targets()
      .find(
        ({ pid, thread, state }) =>
          pid === process.pid && thread === undefined && state !== 'exited' && state !== 'detached',
      );
    return known ?? adoptProcess(sandbox, process, { attachment, onError }, {});
  };
  const launched: Handler<'target.launched', RunningSandbox> = async (args, { sandbox: { engine }, signal }) => {
    const found = (): Target | undefined => engine.targetOfLaunch(args.launch);
    if (found() === undefined) await engine.events.next('targets', { test: () => found() !== undefined, signal });
    return { target: found() as Target };
  };
  const terminate: Handler<'target.terminate', RunningSandbox> = async ({ target, force }, { sandbox }) => {
    const { engine, replica } = sandbox;
    const known = engine.target(target);
    if (known !== undefined && known.host !== replica.self) {
      throw endedByItsHost(known, replica.control.members.get(known.host)?.name ?? `member ${known.host}`);
    }
    const { view, isLive, isLocal } = engine.hosted(target);
    if (view.thread !== undefined) throw notAProcess(view);
    if (isLive && !isLocal) throw notHere(view);
    if (isLive) signalProcess(view.pid, force === true ? 'SIGKILL' : 'SIGTERM');
    return { terminating: target };
  };
  return {
    'target.launch': launch,
    'target.launched': launched,
    'target.finish': finish,
    'target.terminate': terminate,
    'target.attach': attach,
  };
}

/** @throws {SandboxError} BAD_ARGUMENT */
function adapterLaunch(
  name: string,
  program: AdapterProgram,
  own: Readonly<Record<string, OwnAdapter>>,
): AdapterLaunch {
  if (Object.hasOwn(own, name)) return configuredLaunch(name, own[name] as OwnAdapter, program);
  const recipe = Object.hasOwn(RECIPES, name) ? RECIPES[name] : undefined;
  if (recipe !== undefined) return recipe(program);
  throw new SandboxError('BAD_ARGUMENT', `Cannot use the debug adapter "${name}": there is no such adapter`, {
    hint: `Known are ${[...Object.keys(RECIPES), ...Object.keys(own)].join(', ')}; the key "debug.adapters" adds others.`,
  });
}

function notAProcess({ id, name }: Target): SandboxError {
  return new SandboxError('BAD_ARGUMENT', `Cannot end ${name} (${id}): it is a thread of a process`, {
    hint: 'End the process it belongs to.',
  });
}

function endedByItsHost({ id, name }: Target, host: string): SandboxError {
  return new SandboxError('FORBIDDEN', `Cannot end ${name} (${id}): it runs at ${host}, who alone can end it`, {
    hint: 'Disconnect instead: it runs on.',
  });
}

function notHere({ id, name, pid }: Target): SandboxError {
  return new SandboxError(
    'PROCESS_UNKNOWN',
    `Cannot end ${name} (${id}): its process ${pid} is not one of this machine`,
    {
      hint: 'It runs in a container, or on another machine: end it there.',
    },
  );
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It ended by itself.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
