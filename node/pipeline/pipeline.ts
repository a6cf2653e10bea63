/**
 * The one walk every command takes, whatever gateway it came through: parse → authenticate (the gateway's proof) →
 * resolve → authorize → limits → execute → reply. What an engine then changes goes on to transaction, signature,
 * log, peers and broadcast inside replication.
 */

import type { CommandName } from '#protocol/catalogue/catalogue.ts';
import type { CommandDefinition } from '#protocol/catalogue/command.ts';
import { SandboxError } from '#shared/errors.ts';
import { hostOfTarget, type MemberId, type SandboxId, type TargetId } from '#shared/ids.ts';
import type { HostedSandbox } from '../sandbox/hosted-sandbox.ts';
import { authorizeConsent, authorizeOrigin, authorizeRole } from '../security/authorize.ts';
import type { CallContext, DaemonCallContext } from './context.ts';
import { withDeadline } from './deadline.ts';
import type { CallLimits } from './limits.ts';
import { type ParsedCommand, parseCommand } from './parse.ts';
import type { CommandRequest } from './request.ts';
import { chooseTarget } from './resolve-target.ts';

/** Handlers under their loose type; each group checks its own names and shapes against the catalogue. */
export type SandboxHandlers<S extends HostedSandbox = HostedSandbox> = Partial<
  Record<CommandName, (args: never, context: CallContext<S>) => Promise<unknown>>
>;
export type DaemonHandlers = Partial<
  Record<CommandName, (args: never, context: DaemonCallContext) => Promise<unknown>>
>;

/** One line for the audit log: who asked what of which process, and how it ended. */
export interface CommandOutcome {
  readonly command: string;
  readonly sandbox: SandboxId | undefined;
  readonly member: MemberId | undefined;
  readonly target: TargetId | undefined;
  readonly origin: 'local' | 'peer';
  /** `ok` or the error's stable code. */
  readonly outcome: string;
  readonly reason: string | undefined;
}

export interface PipelineOptions<S extends HostedSandbox = HostedSandbox> {
  readonly limits: CallLimits;
  /** A peer's request always names its sandbox and never a folder. @throws {SandboxError} SANDBOX_UNKNOWN */
  readonly resolveSandbox: (sandbox: SandboxId | undefined, folder: string | undefined) => Promise<S>;
  readonly sandboxHandlers: SandboxHandlers<S>;
  readonly daemonHandlers: DaemonHandlers;
  /** Carries a `host` command to the daemon that hosts its target. */
  readonly callPeer: (
    sandbox: SandboxId,
    member: MemberId,
    command: string,
    args: object,
    options: { signal: AbortSignal; timeoutMs: number },
  ) => Promise<unknown>;
  /** Told about every denial and every audited command. Must not throw. */
  readonly onOutcome: (outcome: CommandOutcome) => void;
  /** Told about faults of our own (INTERNAL), with their stack. */
  readonly onFault: (fault: unknown) => void;
  /** How long a guest's call waits at the host's prompt; 30 s by default. */
  readonly consentWaitMs?: number;
}

const DENIALS: ReadonlySet<string> = new Set([
  'FORBIDDEN',
  'CONSENT_DENIED',
  'CONSENT_PENDING',
  'PATH_FORBIDDEN',
  'UNAUTHENTICATED',
  'MEMBER_UNKNOWN',
]);

export class Pipeline<S extends HostedSandbox = HostedSandbox> {
  readonly #options: PipelineOptions<S>;

  constructor(options: PipelineOptions<S>) {
    this.#options = options;
  }

  /**
   * @returns the command's result, as plain JSON data
   * @throws {SandboxError} always this class, with a stable code; TIMEOUT after the command's own limit
   */
  async run(request: CommandRequest): Promise<unknown> {
    const walk: Walk = { request, definition: undefined, member: undefined, sandbox: undefined, target: undefined };
    let result: unknown;
    try {
      result = await this.#walk(walk);
    } catch (thrown) {
      const error = SandboxError.from(thrown);
      if (error.code === 'INTERNAL') this.#options.onFault(thrown);
      if (walk.definition?.audited || DENIALS.has(error.code)) this.#report(walk, error.code, error.message);
      throw error.code === 'INTERNAL' && request.origin.kind === 'peer' ? faultHere(request.command) : error;
    }
    if (walk.definition?.audited) this.#report(walk, 'ok', undefined);
    return result;
  }

  async #walk(walk: Walk): Promise<unknown> {
    const { request } = walk;
    // Before anything else: a refusal costs work and a line in the audit log too.
    const leave = this.#options.limits.enter(askerOf(request));
    let work: Promise<unknown> | undefined;
    try {
      const parsed = parseCommand(request.command, request.args);
      const { definition } = parsed;
      walk.definition = definition;
      authorizeOrigin(definition, request.origin);
      const timeoutMs = Math.min(request.timeoutMs ?? definition.timeoutMs, definition.timeoutMs);
      const expired = (): Error => new SandboxError('TIMEOUT', `"${definition.name}" took longer than ${timeoutMs} ms`);
      return await withDeadline({ timeoutMs, signal: request.signal, expired }, (signal) => {
        work =
          definition.subject === 'daemon'
            ? this.#runForDaemon(request, parsed, signal)
            : this.#runForSandbox(walk, parsed, signal, timeoutMs);
        return work;
      });
    } finally {
      // What outlives its time keeps its place until it really ends.
      if (work === undefined) leave();
      else void work.then(leave, leave);
    }
  }

  async #runForDaemon(request: CommandRequest, parsed: ParsedCommand, signal: AbortSignal): Promise<unknown> {
    const handler = this.#options.daemonHandlers[parsed.name];
    if (handler === undefined) throw notServed(parsed.name);
    const caller = { local: request.origin.kind === 'local', session: request.session };
    return handler(parsed.args as never, { caller, folder: request.folder, signal });
  }

  async #runForSandbox(walk: Walk, parsed: ParsedCommand, signal: AbortSignal, timeoutMs: number): Promise<unknown> {
    const { request } = walk;
    const { definition, args } = parsed;
    const local = request.origin.kind === 'local';
    // A member number means something in one sandbox only: which one must not be left to a default or a folder.
    if (!local && request.sandbox === undefined) throw noSandbox(parsed.name);
    const folder = local ? request.folder : undefined;
    const sandbox = await this.#options.resolveSandbox(request.sandbox, folder);
    const { replica } = sandbox;
    walk.sandbox = replica.sandbox;
    const member = request.origin.kind === 'local' ? replica.self : request.origin.member;
    walk.member = member;
    walk.target = args['target'] as TargetId | undefined;
    authorizeRole(definition, member, replica.control);
    if (definition.at === 'host') {
      const target = chooseTarget(args['target'] as TargetId | undefined, sandbox.targetChoices());
      walk.target = target;
      args['target'] = target;
      const host = hostOfTarget(target);
      if (host !== replica.self) {
        if (!local) throw notMine(target);
        return this.#options.callPeer(replica.sandbox, host, parsed.name, args, { signal, timeoutMs });
      }
      const { consents, requests } = sandbox;
      const subject = { right: definition.right, member, self: replica.self, target: sandbox.target(target) };
      const { consentWaitMs } = this.#options;
      await authorizeConsent({
        ...subject,
        control: replica.control,
        consents,
        requests,
        signal,
        waitMs: consentWaitMs,
      });
      // The answer may have taken a while, and the role may be another by now.
      authorizeRole(definition, member, replica.control);
      signal.throwIfAborted();
    }
    const handler = this.#options.sandboxHandlers[parsed.name];
    if (handler === undefined) throw notServed(parsed.name);
    const caller = { member, local, session: request.session };
    return handler(args as never, { caller, sandbox, folder, signal });
  }

  #report(walk: Walk, outcome: string, reason: string | undefined): void {
    this.#options.onOutcome({
      command: walk.request.command.slice(0, 80),
      sandbox: walk.sandbox,
      member: walk.member,
      target: walk.target,
      origin: walk.request.origin.kind,
      outcome,
      reason,
    });
  }
}

/** What is known of a request so far; the audit line is written from it. */
interface Walk {
  readonly request: CommandRequest;
  definition: CommandDefinition | undefined;
  sandbox: SandboxId | undefined;
  member: MemberId | undefined;
  target: TargetId | undefined;
}

function askerOf(request: CommandRequest): string {
  return request.origin.kind === 'local' ? 'local' : `${request.sandbox ?? ''} ${request.origin.member}`;
}

function notServed(command: string): SandboxError {
  return new SandboxError('UNKNOWN_COMMAND', `Cannot run "${command}": this daemon does not serve it`);
}

function noSandbox(command: string): SandboxError {
  return new SandboxError('BAD_ARGUMENT', `Cannot run "${command}" for a peer: it names no sandbox`);
}

/** Texts of our own faults hold paths and the like: they are for our log, not for another member. */
function faultHere(command: string): SandboxError {
  return new SandboxError('INTERNAL', `Cannot run "${command.slice(0, 80)}": the daemon there failed`, {
    hint: 'Its log says why; ask its user.',
  });
}

function notMine(target: TargetId): SandboxError {
  return new SandboxError('TARGET_UNKNOWN', `The target "${target}" is not hosted here`, {
    hint: 'Ask the member who hosts it.',
  });
}
