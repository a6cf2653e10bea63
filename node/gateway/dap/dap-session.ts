/**
 * One client's debug session: which sandbox and target it is about, what it was shown, and how it asks. Every action is
 * a command of the catalogue in this session's name; nothing is decided here.
 */

import type { CommandInput, CommandName, CommandResult } from '#protocol/catalogue/catalogue.ts';
import { SandboxError } from '#shared/errors.ts';
import { hostOfTarget, type MemberId, type SandboxId, type TargetId } from '#shared/ids.ts';
import type { Variable } from '#shared/model/pause.ts';
import type { FileNames } from '../../engine/source/project.ts';
import type { CommandRequest } from '../../pipeline/request.ts';
import type { TopicHub } from '../../sandbox/topic-hub.ts';
import { ClientBreakpoints } from './client-breakpoints.ts';
import { DapClient } from './dap-client.ts';
import type { DapWire } from './dap-wire.ts';
import type { LaunchedProgram } from './launched-program.ts';
import { LookedAt } from './looked-at.ts';
import { MemberNames } from './member-names.ts';
import { ReadValues } from './read-values.ts';
import { ReferenceCounter, ReferenceTable } from './reference-table.ts';
import { RepeatableAnswers } from './repeatable-answers.ts';
import { SessionEvents } from './session-events.ts';
import { type FolderMapping, SourcePaths } from './source-paths.ts';
import { Stops } from './stops.ts';

/** A sandbox as this gateway needs it. */
export interface DapSandbox {
  readonly id: SandboxId;
  readonly names: FileNames | undefined;
}

export interface DapServices {
  readonly run: (request: CommandRequest) => Promise<unknown>;
  readonly hub: TopicHub;
  readonly resolveSandbox: (sandbox: SandboxId | undefined, folder: string | undefined) => Promise<DapSandbox>;
  /** The command line of `sandmesh`, for what runs in a client's terminal. */
  readonly ownCommand: readonly string[];
}

/** Where the client stands: from whatever carries its bytes, or from the daemon's own surroundings. */
export interface ClientPlace {
  readonly folder: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly sandbox: string | undefined;
  readonly map: readonly string[];
  /** Whatever carries its bytes repeats answers itself, while it is told that it may. */
  readonly repeats: boolean;
}

/** What a number in `variablesReference` stands for. */
export interface OpenedValue {
  readonly handle: string;
  /** Index of the frame it was reached from; undefined: evaluated while the program ran. */
  readonly frame: number | undefined;
  /** Already here, so that opening it asks nobody while nothing has changed. */
  readonly read?: { readonly variables: readonly Variable[]; readonly generation: number };
  /** A scope: its variables are set by name. */
  readonly isScope?: true;
}

/** @throws {SandboxError} what it would be refused with */
export type AnswerRequest = (command: string, args: object) => Promise<object | undefined>;

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

export class DapSession {
  readonly id: string;
  readonly wire: DapWire;
  readonly services: DapServices;
  readonly #counter = new ReferenceCounter();
  readonly frames = new ReferenceTable<number>('frame', this.#counter, () => this.read.forget());
  readonly values = new ReferenceTable<OpenedValue>('value', this.#counter, () => this.read.forget());
  readonly read: ReadValues;
  readonly repeatable: RepeatableAnswers;
  readonly stops: Stops;
  readonly breakpoints: ClientBreakpoints;
  readonly members: MemberNames;
  readonly events: SessionEvents;
  readonly looked: LookedAt;
  client = new DapClient();
  place: ClientPlace = { folder: undefined, env: {}, sandbox: undefined, map: [], repeats: false };
  /** Aborts when the connection is gone. */
  readonly #ended = new AbortController();
  #configured: () => void = () => undefined;
  readonly configured = new Promise<void>((resolve) => {
    this.#configured = resolve;
  });
  #sandbox: DapSandbox | undefined;
  #paths: SourcePaths | undefined;
  #target: TargetId | undefined;
  /** What this session started, and ends with it. */
  launched: LaunchedProgram | undefined;
  /** Calls of the innermost frame that a step into may choose. */
  readonly stepTargets = new ReferenceTable<number>('call', this.#counter);
  /** What its breakpoints do unless one says otherwise; `breakpoints` of launch and attach. */
  breakpointKind: 'ours' | 'mine' | 'snapshot' = 'ours';
  /** Globs that its steps do not end in; `skipFiles` of launch and attach. */
  skipFiles: readonly string[] = [];
  /** It has stepped, so the lease is its to give back. */
  hasDriven = false;

  /** @param answer what a request of the client's would be answered with */
  constructor(id: string, wire: DapWire, services: DapServices, answer: AnswerRequest) {
    this.id = id;
    this.wire = wire;
    this.services = services;
    this.members = new MemberNames(this);
    this.read = new ReadValues(this);
    this.repeatable = new RepeatableAnswers(this, answer);
    this.stops = new Stops(this);
    this.breakpoints = new ClientBreakpoints(this);
    this.events = new SessionEvents(this);
    this.looked = new LookedAt(this);
  }

  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  get isBound(): boolean {
    return this.#sandbox !== undefined;
  }

  /** @throws {SandboxError} NOT_PAUSED is the code clients know: nothing is attached to */
  get sandbox(): DapSandbox {
    return this.#sandbox ?? notAttached();
  }

  get paths(): SourcePaths {
    return this.#paths ?? notAttached();
  }

  /** @throws {SandboxError} TARGET_UNKNOWN while a launched program is not there yet */
  get target(): TargetId {
    return this.#target ?? notAttached();
  }

  get targetOrNone(): TargetId | undefined {
    return this.#target;
  }

  get isRemote(): boolean {
    return this.#target !== undefined && this.members.self !== hostOfTarget(this.#target);
  }

  get host(): MemberId {
    return hostOfTarget(this.target);
  }

  bindSandbox(sandbox: DapSandbox, mappings: readonly FolderMapping[]): void {
    this.#sandbox = sandbox;
    const usesUris = this.client.usesUris;
    this.#paths = new SourcePaths({ names: () => sandbox.names, mappings, usesUris });
  }

  bindTarget(target: TargetId): void {
    this.#target = target;
  }

  /** `configurationDone`: the client has set what it wants set before anything runs or is told. */
  configure(): void {
    this.#configured();
  }

  /** A command of the catalogue, about this session's sandbox once it has one. @throws {SandboxError} */
  async run<N extends CommandName>(
    command: N,
    args: CommandInput<N>,
    options: CallOptions = {},
  ): Promise<CommandResult<N>> {
    const request = {
      command,
      args: args as Record<string, unknown>,
      origin: { kind: 'local' },
      session: this.id,
      sandbox: this.#sandbox?.id,
      folder: this.place.folder,
      timeoutMs: options.timeoutMs,
      signal: options.signal ?? this.signal,
    } as const;
    try {
      return (await this.services.run(request)) as CommandResult<N>;
    } finally {
      // Its host tells everybody, but the answer may overtake that.
      if (mayChangeValues(command, args)) this.read.forget();
    }
  }

  /** A line in the client's console. */
  tell(text: string, category: 'console' | 'important' = 'console'): void {
    this.wire.event('output', { category, output: `${text}\n` });
  }

  /** Something failed that no request waits for: the session is over, and says why. */
  fail(thrown: unknown): void {
    if (this.signal.aborted) return;
    const { message, hint } = SandboxError.from(thrown);
    this.tell(`sandmesh: ${message}${hint === undefined ? '' : `. ${hint}`}`, 'important');
    this.events.end(null);
  }

  /** The program goes on: what was shown of it is gone. */
  forgetShown(): void {
    this.read.forget();
    this.frames.clear();
    this.values.clear();
    this.stepTargets.clear();
  }

  /** The connection is gone; nothing of it is resumed or ended but what it launched. */
  end(): void {
    this.#ended.abort(new SandboxError('CANCELLED', 'The debug client disconnected'));
    this.events.stop();
  }
}

/** What is held to reading is stopped by its host before it changes anything. */
function mayChangeValues<N extends CommandName>(command: N, args: CommandInput<N>): boolean {
  if (command === 'inspect.set') return true;
  return command === 'inspect.evaluate' && (args as CommandInput<'inspect.evaluate'>).readOnly !== true;
}

function notAttached(): never {
  throw new SandboxError('TARGET_UNKNOWN', 'Cannot do that: this debug session has no program yet', {
    hint: 'It begins with "launch" or "attach".',
  });
}
