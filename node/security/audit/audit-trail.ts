/**
 * What goes into the audit log: the pipeline's denials and actions, and what shared documents do to a process here.
 * Names the people, masks the secrets, and keeps a flood of equal denials from becoming a flood of lines.
 */

import type { AuditFacts } from '#protocol/audit-line.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId, TargetId } from '#shared/ids.ts';
import type { AuditedAction, AuditedEnd, CommandAudit } from '../../pipeline/command-audit.ts';
import type { HostedSandbox } from '../../sandbox/hosted-sandbox.ts';
import { maskText } from '../masking.ts';
import { nameAndFingerprint } from '../member-identity.ts';
import type { AuditLog } from './audit-log.ts';
import { describeArguments, oneLine } from './describe-arguments.ts';

/** Denials like one just written are counted this long and then told in one line. */
const REPEAT_WINDOW_MS = 10_000;
/** What nobody waits for is gathered this long: one signature and one sync for all that happens at a pause. */
const GATHER_MS = 50;
/** Kinds of denials counted at once; beyond it each is a line of its own again. */
const MAX_REPEATS = 256;
const MAX_WHY_CHARS = 600;

interface Repeat {
  readonly facts: AuditFacts;
  readonly timer: NodeJS.Timeout;
  times: number;
}

/** An action on a process that no command asked for at that moment: a shared document did. */
export interface DocumentEffect {
  readonly sandbox: Pick<HostedSandbox, 'id' | 'replica' | 'target' | 'policy'>;
  /** Who wrote what took effect. */
  readonly member: MemberId | undefined;
  readonly what: string;
  readonly detail: string;
  readonly target: TargetId;
  readonly outcome: string;
  readonly why?: string | undefined;
}

export class AuditTrail implements CommandAudit {
  readonly #log: AuditLog;
  readonly #onError: (error: unknown) => void;
  readonly #repeats = new Map<string, Repeat>();
  /** Of the last moment, in order. */
  #gathered: (() => AuditFacts)[] = [];
  #gathering: NodeJS.Timeout | undefined;

  /** @param onError told of a line that could not be kept and that nobody waits for */
  constructor(log: AuditLog, onError: (error: unknown) => void) {
    this.#log = log;
    this.#onError = onError;
  }

  /**
   * Recorded before the action is done; the end of the action signs it. What can run code is on disk before: it might
   * end this daemon. Stopping and stepping is written at the end of the tick: the program stands meanwhile.
   */
  begin(action: AuditedAction): number {
    this.#recordGathered({ sign: false });
    const facts = (): AuditFacts => ({ type: 'begun', ...factsOf(action), outcome: 'begun' });
    const seq = this.#log.record(facts, { sign: false });
    if (!movesProgram(action)) this.#log.write({ sign: false });
    return seq;
  }

  async end(action: AuditedAction, { begun, outcome, reason, denied }: AuditedEnd): Promise<void> {
    const why = whyOf(action, reason);
    if (begun !== undefined) {
      // Who and what stand in the line it refers to.
      const ended = { type: 'ended', of: begun, via: action.origin, what: nameOf(action), outcome, ...why } as const;
      // The next stop may follow at once: it waits for no signature of the last.
      if (movesProgram(action)) return this.#gather(() => ended);
      this.#recordGathered();
      this.#log.record(ended);
      // That it was done is on record: who asked must not wait for the disk.
      setImmediate(() => this.#log.durable().catch(this.#onError));
      return;
    }
    const facts = (): AuditFacts => ({ type: denied ? 'denied' : 'done', ...factsOf(action), outcome, ...why });
    // A look that policy wants on record waits for nothing and holds up nobody: it changes nothing.
    if (outcome === 'ok' && action.policy !== undefined) return this.#gather(facts);
    const told = facts();
    if (denied && this.#isRepeat(told)) return;
    this.#recordGathered();
    this.#log.record(told);
    return this.#log.durable();
  }

  /** Told with the looks, in their order: a program that stands does not wait for it. */
  effect({ sandbox, member, what, detail, target, outcome, why }: DocumentEffect): void {
    this.#gather(() => ({
      type: 'done',
      sandbox: sandbox.id,
      ...whoOf(sandbox.replica.control, member),
      via: 'document',
      what,
      detail: oneLine(detail),
      ...whereOf(sandbox, target),
      outcome,
      ...(why === undefined ? {} : { why: oneLine(maskText(why), MAX_WHY_CHARS) }),
    }));
  }

  /** Tells what was counted and closes the log. Safe to call twice. */
  async close(): Promise<void> {
    this.#tellGathered();
    for (const key of [...this.#repeats.keys()]) this.#tell(key);
    await this.#log.close();
  }

  #gather(facts: () => AuditFacts): void {
    this.#gathered.push(facts);
    this.#gathering ??= setTimeout(() => this.#tellGathered(), GATHER_MS).unref();
  }

  /** Before anything that came after. */
  #recordGathered(options?: { sign: boolean }): void {
    const gathered = this.#gathered;
    this.#gathered = [];
    try {
      for (const facts of gathered) this.#log.record(facts, options);
    } catch (error) {
      this.#onError(error);
    }
  }

  #tellGathered(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    this.#recordGathered();
    this.#log.durable().catch(this.#onError);
  }

  #isRepeat(facts: AuditFacts): boolean {
    const key = [facts.sandbox, facts.member, facts.via, facts.what, facts.target, facts.outcome].join(' ');
    const known = this.#repeats.get(key);
    if (known !== undefined) {
      known.times += 1;
      return true;
    }
    if (this.#repeats.size >= MAX_REPEATS) return false;
    const timer = setTimeout(() => this.#tell(key), REPEAT_WINDOW_MS);
    timer.unref();
    this.#repeats.set(key, { facts, timer, times: 0 });
    return false;
  }

  #tell(key: string): void {
    const repeat = this.#repeats.get(key);
    if (repeat === undefined) return;
    clearTimeout(repeat.timer);
    this.#repeats.delete(key);
    if (repeat.times === 0) return;
    try {
      this.#log.record({ ...repeat.facts, times: repeat.times });
    } catch (error) {
      this.#onError(error);
      return;
    }
    this.#log.durable().catch(this.#onError);
  }
}

function factsOf(action: AuditedAction): Omit<AuditFacts, 'type' | 'outcome'> {
  const { sandbox, member, target, policy } = action;
  const detail = describeArguments(action.command, action.args);
  return {
    ...(sandbox === undefined ? {} : { sandbox: sandbox.id, ...whoOf(sandbox.replica.control, member) }),
    via: action.origin,
    what: nameOf(action),
    ...(detail === '' ? {} : { detail }),
    ...(sandbox === undefined || target === undefined ? {} : whereOf(sandbox, target, policy?.level)),
  };
}

/** It stops the program, or lets it go on: it stands meanwhile. */
function movesProgram({ command }: AuditedAction): boolean {
  return command.startsWith('execution.');
}

function nameOf({ command }: AuditedAction): string {
  return oneLine(command).slice(0, 80);
}

function whoOf(
  control: HostedSandbox['replica']['control'],
  member: MemberId | undefined,
): Pick<AuditFacts, 'member' | 'name' | 'key'> {
  if (member === undefined) return {};
  const { name, fingerprint } = nameAndFingerprint(control, member);
  return { member, name: name.slice(0, 64), ...(fingerprint === '' ? {} : { key: fingerprint }) };
}

/** @param judged the level it was judged by; else it is found out */
function whereOf(
  sandbox: Pick<HostedSandbox, 'target' | 'policy'>,
  id: TargetId,
  judged?: string,
): Pick<AuditFacts, 'target' | 'program' | 'pid' | 'level'> {
  try {
    const target = sandbox.target(id);
    return {
      target: id,
      program: target.name.slice(0, 80),
      pid: target.pid,
      level: judged ?? sandbox.policy.levelOf(target),
    };
  } catch (error) {
    // Named by the request and known to nobody, or under a policy file that cannot be read: the refusal says so.
    if (error instanceof SandboxError) return { target: id };
    throw error;
  }
}

function whyOf({ policy }: AuditedAction, reason: string | undefined): { why?: string } {
  const parts = [
    // What follows the first line is a stack of the program's.
    ...(reason === undefined ? [] : [maskText(reason.split('\n')[0] ?? '')]),
    ...(policy === undefined || policy.verdict === 'allow'
      ? []
      : [`policy for ${policy.level} (${policy.source}): ${policy.verdict}`]),
  ];
  return parts.length === 0 ? {} : { why: oneLine(parts.join('; '), MAX_WHY_CHARS) };
}
