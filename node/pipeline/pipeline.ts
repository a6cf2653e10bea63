/**
 * The one walk every command takes, whatever gateway it came through: parse → authenticate (the gateway's proof) →
 * resolve → authorize → limits → execute → reply. What an engine then changes goes on to transaction, signature,
 * log, peers and broadcast inside replication.
 */

import type { CommandDefinition } from '#protocol/catalogue/command.ts';
import type { CommandName } from '#protocol/catalogue/catalogue.ts';
import { SandboxError } from '#shared/errors.ts';
import { hostOfTarget, type MemberId, type SandboxId, type TargetId } from '#shared/ids.ts';
import { authorizeConsent, authorizeOrigin, authorizeRole } from '../security/authorize.ts';
import type { HostedSandbox } from '../sandbox/hosted-sandbox.ts';
import type { CallContext, DaemonCallContext } from './context.ts';
import type { CallLimits } from './limits.ts';
import { parseCommand, type ParsedCommand } from './parse.ts';
import type { CommandRequest } from './request.ts';
import { chooseTarget } from './resolve-target.ts';

/** Handlers under their loose type; each group checks its own names and shapes against the catalogue. */
export type SandboxHandlers = Partial<Record<CommandName, (args: never, context: CallContext<HostedSandbox>) => Promise<unknown>>>;
export type DaemonHandlers = Partial<Record<CommandName, (args: never, context: DaemonCallContext) => Promise<unknown>>>;

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

export interface PipelineOptions {
  readonly limits: CallLimits;
  /** @throws {SandboxError} SANDBOX_UNKNOWN */
  readonly resolveSandbox: (sandbox: SandboxId | undefined, folder: string | undefined) => Promise<HostedSandbox>;
  readonly sandboxHandlers: SandboxHandlers;
  readonly daemonHandlers: DaemonHandlers;
  /** Carries a `host` command to the daemon that hosts its target. */
  readonly callPeer: (
    sandbox: SandboxId,
    member: MemberId,
    command: string,
    args: object,
    options: { signal: AbortSignal; timeoutMs: number },
  ) => Promise<unknown>;
  /** Told about every denial and every audited command. */
  readonly onOutcome: (outcome: CommandOutcome) => void;
  /** Told about faults of our own (INTERNAL), with their stack. */
  readonly onFault: (fault: unknown) => void;
}

const DENIALS: ReadonlySet<string> = new Set(['FORBIDDEN', 'CONSENT_DENIED', 'UNAUTHENTICATED', 'MEMBER_UNKNOWN']);

export class Pipeline {
  readonly #options: PipelineOptions;

  constructor(options: PipelineOptions) {
    this.#options = options;
  }

  /**
   * @returns the command's result, as plain JSON data
   * @throws {SandboxError} always this class, with a stable code; TIMEOUT after the command's own limit
   */
  async run(request: CommandRequest): Promise<unknown> {
    const walk: Walk = { request, member: undefined, sandbox: undefined, target: undefined };
    let definition: CommandDefinition | undefined;
    try {
      const parsed = parseCommand(request.command, request.args);
      definition = parsed.definition;
      const result = await this.#walk(walk, parsed);
      if (definition.audited) this.#report(walk, 'ok', undefined);
      return result;
    } catch (thrown) {
      const error = SandboxError.from(thrown);
      if (error.code === 'INTERNAL') this.#options.onFault(thrown);
      if (definition?.audited || DENIALS.has(error.code)) this.#report(walk, error.code, error.message);
      throw error;
    }
  }

  async #walk(walk: Walk, parsed: ParsedCommand): Promise<unknown> {
    const { request } = walk;
    const { definition } = parsed;
    authorizeOrigin(definition, request.origin);
    const leave = this.#options.limits.enter(askerOf(request));
    const timeoutMs = Math.min(request.timeoutMs ?? definition.timeoutMs, definition.timeoutMs);
    const signal = AbortSignal.any([request.signal, AbortSignal.timeout(timeoutMs)]);
    try {
      return definition.subject === 'daemon'
        ? await this.#runForDaemon(request, parsed, signal)
        : await this.#runForSandbox(walk, parsed, signal, timeoutMs);
    } catch (error) {
      if (signal.aborted && !request.signal.aborted && error === signal.reason) {
        throw new SandboxError('TIMEOUT', `"${definition.name}" took longer than ${timeoutMs} ms`, { cause: error });
      }
      throw error;
    } finally {
      leave();
    }
  }

  #runForDaemon(request: CommandRequest, parsed: ParsedCommand, signal: AbortSignal): Promise<unknown> {
    const handler = this.#options.daemonHandlers[parsed.name];
    if (handler === undefined) throw notServed(parsed.name);
    const caller = { local: request.origin.kind === 'local', session: request.session };
    return handler(parsed.args as never, { caller, folder: request.folder, signal });
  }

  async #runForSandbox(walk: Walk, parsed: ParsedCommand, signal: AbortSignal, timeoutMs: number): Promise<unknown> {
    const { request } = walk;
    const { definition, args } = parsed;
    const sandbox = await this.#options.resolveSandbox(request.sandbox, request.folder);
    const { replica } = sandbox;
    walk.sandbox = replica.sandbox;
    const member = request.origin.kind === 'local' ? replica.self : request.origin.member;
    walk.member = member;
    authorizeRole(definition, member, replica.control);
    if (definition.at === 'host') {
      const target = chooseTarget(args['target'] as TargetId | undefined, sandbox.targetChoices());
      walk.target = target;
      args['target'] = target;
      const host = hostOfTarget(target);
      if (host !== replica.self) {
        if (request.origin.kind === 'peer') throw notMine(target);
        return this.#options.callPeer(replica.sandbox, host, parsed.name, args, { signal, timeoutMs });
      }
      const { consents, requests } = sandbox;
      const subject = { right: definition.right, member, self: replica.self, target: sandbox.target(target) };
      await authorizeConsent({ ...subject, control: replica.control, consents, requests, signal });
    }
    const handler = this.#options.sandboxHandlers[parsed.name];
    if (handler === undefined) throw notServed(parsed.name);
    const caller = { member, local: request.origin.kind === 'local', session: request.session };
    return handler(args as never, { caller, sandbox, folder: request.folder, signal });
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

function notMine(target: TargetId): SandboxError {
  return new SandboxError('TARGET_UNKNOWN', `The target "${target}" is not hosted here`, {
    hint: 'Ask the member who hosts it.',
  });
}
