/** A project folder, a mesh of members each with an engine, and programs run under member 1's. */

import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type AdoptOptions, DebugEngine, type DebugEngineOptions } from '#node/engine/debug/debug-engine.ts';
import { debugHandlers } from '#node/engine/debug/debug-handlers.ts';
import { createFileNames } from '#node/engine/source/file-names.ts';
import type { Project } from '#node/engine/source/project.ts';
import { createScriptRegistry } from '#node/engine/source/script-registry.ts';
import type { CallContext } from '#node/pipeline/context.ts';
import { maskValue } from '#node/security/masking.ts';
import { createServedFiles } from '#node/security/served-files.ts';
import type { Scope } from '#protocol/api/scopes.ts';
import type { CommandArgs, CommandInput, CommandResult } from '#protocol/catalogue/catalogue.ts';
import { catalogue } from '#protocol/catalogue/catalogue.ts';
import type { CdpEvents } from '#protocol/catalogue/cdp-commands.ts';
import type { TopicEvent, TopicName } from '#protocol/topics.ts';
import { SandboxError } from '#shared/errors.ts';
import { hostOfTarget, type MemberId, type TargetId } from '#shared/ids.ts';
import type { Pause } from '#shared/model/pause.ts';
import { CONSENT_RIGHTS, type Right, type Role } from '#shared/rights.ts';
import { withFolder } from '../../temporary-folder.ts';
import { FakeMesh } from './fake-mesh.ts';
import { InspectedProgram, type ProgramOptions } from './inspected-program.ts';

const LIMIT_MS = 15_000;
const HOST = 1;

type DebugCommand = keyof typeof debugHandlers;

export interface Workshop {
  readonly folder: string;
  readonly mesh: FakeMesh;
  readonly errors: unknown[];
  /** What the host told DevTools sessions, in order. */
  readonly told: { readonly member: number; readonly message: CdpEvents }[];
  /** Members the host has consented to. */
  readonly consented: Set<number>;
  /** Rights that the host's policy denies to everybody; `engine().recheckConsent()` lets a change take hold. */
  readonly denied: Set<Right>;
  engine(member: number): DebugEngine;
  write(files: Readonly<Record<string, string>>): void;
  /** Starts a script under the host's engine. */
  run(
    entry: string,
    options?: Partial<ProgramOptions> & AdoptOptions,
  ): Promise<{ program: InspectedProgram; id: TargetId }>;
  /** Runs a command as a member, at the target's host where it belongs there; over a token if `scopes` are given. */
  call<N extends DebugCommand>(
    member: number,
    command: N,
    args: CommandInput<N>,
    scopes?: readonly Scope[],
  ): Promise<CommandResult<N>>;
  /** The next event at a member that passes. */
  next<T extends TopicName>(member: number, topic: T, test?: (event: TopicEvent<T>) => boolean): Promise<TopicEvent<T>>;
  /** The next stop as a member sees it. */
  nextPause(member?: number): Promise<Pause>;
}

export interface WorkshopOptions {
  readonly roles?: readonly Role[];
  readonly engine?: Partial<Pick<DebugEngineOptions, 'limits' | 'timers'>>;
}

export function withWorkshop(use: (workshop: Workshop) => Promise<void>, options: WorkshopOptions = {}): Promise<void> {
  return withFolder(async (path) => {
    const folder = realpathSync.native(path);
    const mesh = new FakeMesh(...(options.roles ?? (['owner', 'debugger', 'editor'] as const)));
    const programs: InspectedProgram[] = [];
    const errors: unknown[] = [];
    const told: { member: number; message: CdpEvents }[] = [];
    const consented = new Set<number>();
    const denied = new Set<Right>();
    const engines = new Map<number, DebugEngine>();
    for (const member of mesh.records.keys()) {
      const project: Project = { id: 'p', name: 'test', root: folder };
      engines.set(
        member,
        createEngine({ mesh, member, project, consented, denied, errors, told, engines, extra: options.engine ?? {} }),
      );
    }
    const engine = (member: number): DebugEngine => {
      const found = engines.get(member);
      if (found === undefined) throw new RangeError(`no member ${member}`);
      return found;
    };
    const next: Workshop['next'] = (member, topic, test) =>
      engine(member).events.next(topic, { ...(test ? { test } : {}), signal: AbortSignal.timeout(LIMIT_MS) });
    // Abort timers do not keep the process alive: a stop that never comes must fail, not end the test early.
    const alive = setInterval(() => undefined, 1000);
    try {
      await use({
        folder,
        mesh,
        errors,
        told,
        consented,
        denied,
        engine,
        next,
        write: (files) => {
          for (const [name, text] of Object.entries(files)) {
            mkdirSync(dirname(join(folder, name)), { recursive: true });
            writeFileSync(join(folder, name), text);
          }
        },
        run: async (entry, { wait, ...rest } = {}) => {
          const program = await InspectedProgram.start(join(folder, entry), { cwd: folder, ...rest });
          programs.push(program);
          const { id } = await engine(HOST).adopt(program, wait === undefined ? {} : { wait });
          return { program, id };
        },
        call: (member, command, args, scopes) => callAs(engines, mesh, folder, member, command, args, scopes),
        nextPause: async (member = HOST) => {
          const { pause } = await next(member, 'pauses', (event) => event.pause !== null);
          if (pause === null) throw new Error('not a pause');
          return pause;
        },
      });
      if (errors.length > 0) throw errors[0];
    } finally {
      clearInterval(alive);
      for (const each of engines.values()) await each.stop();
      for (const program of programs) await program.kill();
    }
  });
}

interface EngineParts {
  mesh: FakeMesh;
  member: MemberId;
  project: Project;
  consented: ReadonlySet<number>;
  denied: ReadonlySet<Right>;
  errors: unknown[];
  told: { member: number; message: CdpEvents }[];
  engines: ReadonlyMap<number, DebugEngine>;
  extra: Partial<Pick<DebugEngineOptions, 'limits' | 'timers'>>;
}

function createEngine({
  mesh,
  member,
  project,
  consented,
  denied,
  errors,
  told,
  engines,
  extra,
}: EngineParts): DebugEngine {
  const names = createFileNames(project.root);
  const engine = new DebugEngine({
    replica: mesh.replica(member),
    project,
    names,
    createRegistry: ({ cdp }) => createScriptRegistry({ cdp, names, served: createServedFiles(project.root) }),
    permits: (guest: MemberId, right: Right) =>
      !denied.has(right) && (guest === member || !CONSENT_RIGHTS.has(right) || consented.has(guest)),
    permitsProbes: () => true,
    listSources: async (target, match) => {
      const host = engines.get(hostOfTarget(target.id));
      return host === undefined ? [] : host.hosted(target.id).session.registry.list(match);
    },
    mask: maskValue,
    tellClient: (guest, message) => {
      told.push({ member: guest, message });
      return true;
    },
    onError: (error) => {
      // A program that ends while something is under way is no fault.
      if (!(error instanceof SandboxError && error.code === 'TARGET_GONE')) errors.push(error);
    },
    ...extra,
  });
  engine.start();
  return engine;
}

async function callAs<N extends DebugCommand>(
  engines: ReadonlyMap<number, DebugEngine>,
  mesh: FakeMesh,
  folder: string,
  member: number,
  command: N,
  input: CommandInput<N>,
  scopes?: readonly Scope[],
): Promise<CommandResult<N>> {
  const definition = catalogue[command];
  const args = definition.args.parse(input) as CommandArgs<N> & { target?: TargetId };
  const at = definition.at === 'host' ? HOST : member;
  const engine = engines.get(at);
  if (engine === undefined) throw new RangeError(`no member ${at}`);
  const access = scopes && { tokenId: 't', scopes: new Set(scopes), authenticatedAt: 0 };
  const context: CallContext = {
    caller: { member: member as MemberId, local: at === member, session: `client-${member}`, access },
    sandbox: {
      engine,
      replica: mesh.replica(at),
      project: { id: 'p', name: 'test', root: folder },
      names: createFileNames(folder),
    },
    folder,
    signal: AbortSignal.timeout(LIMIT_MS),
  };
  const handler = debugHandlers[command] as unknown as (
    args: CommandArgs<N>,
    context: CallContext,
  ) => Promise<CommandResult<N>>;
  return definition.result.parse(await handler(args, context)) as CommandResult<N>;
}
