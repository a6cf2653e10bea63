/**
 * The one walk every command takes, whatever gateway it came through: parse → authenticate (the gateway's proof) →
 * resolve → authorize (role × policy × consent) → limits → audit → execute → audit → reply. What an engine then changes
 * goes on to transaction, signature, log, peers and broadcast inside replication.
 */

import type { CommandName } from '#protocol/catalogue/catalogue.ts';
import { SandboxError } from '#shared/errors.ts';
import { hostOfTarget, type MemberId, type SandboxId, type TargetId } from '#shared/ids.ts';
import { CONSENT_RIGHTS, type Right } from '#shared/rights.ts';
import type { HostedSandbox } from '../sandbox/hosted-sandbox.ts';
import { authorizeConsent, authorizeElsewhere, authorizeOrigin, authorizeRole } from '../security/authorize.ts';
import { authorizePolicy } from '../security/authorize-policy.ts';
import type { CommandAudit } from './command-audit.ts';
import type { CallContext, Caller, DaemonCallContext } from './context.ts';
import { type WorkSignal, withDeadline } from './deadline.ts';
import { type CallLimits, LOCAL_ASKER } from './limits.ts';
import { type ParsedCommand, parseCommand } from './parse.ts';
import type { Access, CommandRequest } from './request.ts';
import { chooseTarget } from './resolve-target.ts';
import { Walk } from './walk.ts';

/** Handlers under their loose type; each group checks its own names and shapes against the catalogue. */
export type SandboxHandlers<S extends HostedSandbox = HostedSandbox> = Partial<
  Record<CommandName, (args: never, context: CallContext<S>) => Promise<unknown>>
>;
export type DaemonHandlers = Partial<
  Record<CommandName, (args: never, context: DaemonCallContext) => Promise<unknown>>
>;

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
  /** Told about every denial and every audited command. */
  readonly audit: CommandAudit;
  /** Told about faults of our own (INTERNAL), with their stack. */
  readonly onFault: (fault: unknown) => void;
  /** How long a call waits at the host's prompt, at most; 30 s by default. */
  readonly consentWaitMs?: number;
}

/** Below every command's own limit that it applies to, so that the person's silence is told from a lost host. */
const CONSENT_WAIT_MS = 30_000;

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
   * @returns the command's result, as plain JSON data, once what it did is in the audit log
   * @throws {SandboxError} always this class, with a stable code; TIMEOUT after the command's own limit
   */
  async run(request: CommandRequest): Promise<unknown> {
    const walk = new Walk(request);
    let result: unknown;
    try {
      result = await this.#walk(walk);
    } catch (thrown) {
      const error = SandboxError.from(thrown);
      if (error.code === 'INTERNAL') this.#options.onFault(thrown);
      const denied = DENIALS.has(error.code);
      if (walk.audited || denied) {
        const end = { begun: walk.begun, outcome: error.code, reason: error.message, denied };
        // Refused is refused, whether it can be written down or not.
        await this.#options.audit.end(walk, end).catch(this.#options.onFault);
      }
      throw error.code === 'INTERNAL' && request.origin.kind === 'peer' ? faultHere(request.command) : error;
    }
    this.#charge(request, result);
    if (walk.audited) {
      const end = { begun: walk.begun, outcome: 'ok', reason: undefined, denied: false };
      await this.#options.audit.end(walk, end);
    }
    return result;
  }

  /** A few hundred bytes in the common case: counting them costs microseconds. */
  #charge(request: CommandRequest, result: unknown): void {
    if (request.origin.kind === 'local') return;
    const chars = JSON.stringify(request.args).length + (JSON.stringify(result)?.length ?? 0);
    this.#options.limits.spend(askerOf(request), chars);
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
      return await withDeadline({ timeoutMs, signal: request.signal, expired }, (until) => {
        work =
          definition.subject === 'daemon'
            ? this.#runForDaemon(request, parsed, until)
            : this.#runForSandbox(walk, parsed, until, timeoutMs);
        return work;
      });
    } finally {
      // What outlives its time keeps its place, and what it was lent, until it really ends.
      const end = (): void => {
        leave();
        walk.giveBack();
      };
      if (work === undefined) end();
      else void work.then(end, end);
    }
  }

  async #runForDaemon(request: CommandRequest, parsed: ParsedCommand, until: WorkSignal): Promise<unknown> {
    const handler = this.#options.daemonHandlers[parsed.name];
    if (handler === undefined) throw notServed(parsed.name);
    const access = accessOf(request);
    const caller = { local: request.origin.kind === 'local', session: request.session, ...(access && { access }) };
    return handler(parsed.args as never, {
      caller,
      folder: request.folder,
      get signal() {
        return until.signal;
      },
    });
  }

  async #runForSandbox(walk: Walk, parsed: ParsedCommand, until: WorkSignal, timeoutMs: number): Promise<unknown> {
    const { request } = walk;
    const { definition, args } = parsed;
    const local = request.origin.kind === 'local';
    // A member number means something in one sandbox only: which one must not be left to a default or a folder.
    if (!local && request.sandbox === undefined) throw noSandbox(parsed.name);
    const folder = local ? request.folder : undefined;
    const sandbox = await this.#options.resolveSandbox(request.sandbox, folder);
    const { replica } = sandbox;
    walk.sandbox = sandbox;
    const member = request.origin.kind === 'local' ? replica.self : request.origin.member;
    walk.member = member;
    walk.target = args['target'] as TargetId | undefined;
    authorizeRole(definition, member, replica.control, local);
    if (definition.at === 'host') {
      const target = chooseTarget(args['target'] as TargetId | undefined, sandbox, args['ended'] === true);
      walk.target = target;
      args['target'] = target;
      // It has done its part, and a host of an earlier version would not take it.
      delete args['ended'];
      const host = hostOfTarget(target);
      if (host !== replica.self) {
        if (!local) throw notMine(target);
        authorizeElsewhere(definition, member, replica.control);
        return this.#options.callPeer(replica.sandbox, host, parsed.name, args, { signal: until.signal, timeoutMs });
      }
      await this.#authorizeHere(walk, sandbox, target, parsed, until, timeoutMs);
    }
    const handler = this.#options.sandboxHandlers[parsed.name];
    if (handler === undefined) throw notServed(parsed.name);
    if (definition.audited) walk.begun = this.#options.audit.begin(walk);
    const access = accessOf(request);
    const caller = { member, local, session: request.session, ...(access && { access }) };
    return handler(args as never, new SandboxCall(caller, sandbox, folder, until, walk.readOnly));
  }

  /** What this host says to a command about one of its own processes: policy, and its person's consent. */
  async #authorizeHere(
    walk: Walk,
    sandbox: S,
    target: TargetId,
    { definition, args }: ParsedCommand,
    until: WorkSignal,
    timeoutMs: number,
  ): Promise<void> {
    const { replica, consents, requests, policy } = sandbox;
    const member = walk.member as MemberId;
    const waitMs = Math.min(this.#options.consentWaitMs ?? CONSENT_WAIT_MS, timeoutMs * 0.9);
    const view = sandbox.target(target);
    const subject = { definition, args, member, self: replica.self, target: view, control: replica.control };
    const question = { ...subject, right: definition.right, consents, requests, until, waitMs };
    const { asked, ...verdict } = await authorizePolicy({ ...question, policy }, (judged) => {
      walk.policy = judged;
    });
    walk.policy = verdict;
    // Whoever was just asked about this very command need not be asked about commands like it.
    if (asked) walk.borrow(policy.lend(member, definition.right as Right, view));
    else await authorizeConsent({ ...question, waitMs: this.#options.consentWaitMs });
    // The answer may have taken a while, and role and policy may be others by now.
    authorizeRole(definition, member, replica.control, walk.origin === 'local');
    until.throwIfAborted();
    const runsCode = definition.right !== 'local' && CONSENT_RIGHTS.has(definition.right);
    if (runsCode && !policy.mayHaveEffects(view)) walk.readOnly = true;
  }
}

/** A class, since object literals with getters and spreads are made slowly, once for every command. */
class SandboxCall<S extends HostedSandbox> implements CallContext<S> {
  readonly caller: Caller;
  readonly sandbox: S;
  readonly folder: string | undefined;
  declare readonly readOnly?: true;
  readonly #until: WorkSignal;

  constructor(caller: Caller, sandbox: S, folder: string | undefined, until: WorkSignal, readOnly: boolean) {
    this.caller = caller;
    this.sandbox = sandbox;
    this.folder = folder;
    this.#until = until;
    if (readOnly) this.readOnly = true;
  }

  get signal(): AbortSignal {
    return this.#until.signal;
  }
}

function askerOf(request: CommandRequest): string {
  return request.origin.kind === 'local' ? LOCAL_ASKER : `${request.sandbox ?? ''} ${request.origin.member}`;
}

function accessOf({ origin }: CommandRequest): Access | undefined {
  return origin.kind === 'local' ? origin.access : undefined;
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
