/**
 * Step: may this member do this here? Role first, then the host's consent for whatever runs code in, or changes, one
 * of its programs. Every refusal says who could change it.
 */

import { type Scope, scopeOf } from '#protocol/api/scopes.ts';
import type { CommandDefinition } from '#protocol/catalogue/command.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import type { Target } from '#shared/model/target.ts';
import { CONSENT_RIGHTS, type Right, ROLES, roleHolds } from '#shared/rights.ts';
import type { ControlView } from '../network/replication/replica-interface.ts';
import { withDeadline } from '../pipeline/deadline.ts';
import type { Origin } from '../pipeline/request.ts';
import type { PendingRequests } from '../sandbox/pending-requests.ts';
import type { Consents } from './consent.ts';
import { identify } from './member-identity.ts';

/** How long a guest's call waits at the host's prompt before it is told to come back. */
const CONSENT_WAIT_MS = 30_000;

/**
 * @throws {SandboxError} FORBIDDEN when a peer asks for what only this daemon's own user may do, or for a write that
 * its own daemon must sign
 */
export function authorizeOrigin(definition: CommandDefinition, origin: Origin): void {
  if (origin.kind === 'local') return authorizeScope(definition, origin.scopes);
  // A command about the daemon never meets authorizeRole: there is no sandbox to hold a role in.
  if (definition.right === 'local' || definition.subject === 'daemon') {
    throw new SandboxError('FORBIDDEN', `Cannot run "${definition.name}" for another member`, {
      hint: 'Only the user of this daemon may.',
    });
  }
  // Its handler would write in our name: a peer's condition would become ours, which needs nobody's consent here.
  if (definition.at === 'daemon' && definition.effect === 'write') {
    throw new SandboxError('FORBIDDEN', `Cannot run "${definition.name}" in another member's name`, {
      hint: 'Run it at your own daemon; what it writes is replicated.',
    });
  }
}

function authorizeScope(definition: CommandDefinition, scopes: ReadonlySet<Scope> | undefined): void {
  assertScope(`run "${definition.name}"`, scopeOf(definition), scopes);
}

/**
 * @param what after "Cannot"
 * @param scopes undefined: all of them, since the CLI's socket is the user
 * @throws {SandboxError} FORBIDDEN
 */
export function assertScope(what: string, scope: Scope, scopes: ReadonlySet<Scope> | undefined): void {
  if (scopes === undefined || scopes.has(scope)) return;
  throw new SandboxError('FORBIDDEN', `Cannot ${what}: this token lacks the scope "${scope}"`, {
    hint: `Make one that has it: sandmesh token create --scope ${scope}`,
  });
}

/**
 * @param local asked by this daemon's own user, who keeps after a removal what is on this machine: a copy to read, and
 * programs of its own
 * @throws {SandboxError} FORBIDDEN, MEMBER_UNKNOWN
 */
export function authorizeRole(
  definition: CommandDefinition,
  member: MemberId,
  control: ControlView,
  local = false,
): void {
  if (definition.right === 'local') return;
  const record = control.members.get(member);
  if (record === undefined) {
    throw new SandboxError(
      'MEMBER_UNKNOWN',
      `Cannot run "${definition.name}": member ${member} is not in this sandbox`,
      { hint: 'Ask its owner for a new link.' },
    );
  }
  const keeps = local && (definition.effect === 'read' || definition.at === 'host');
  if (record.removed && !keeps) throw removedMember(definition, record.name, local);
  if (roleHolds(record.role, definition.right)) return;
  throw new SandboxError(
    'FORBIDDEN',
    `Cannot run "${definition.name}": the role "${record.role}" does not hold the right "${definition.right}"`,
    { hint: hintAtRole(definition.right) },
  );
}

/** @throws {SandboxError} MEMBER_UNKNOWN when this daemon's own user was removed: nobody else's daemon is asked any more */
export function authorizeElsewhere(definition: CommandDefinition, self: MemberId, control: ControlView): void {
  const record = control.members.get(self);
  if (record?.removed === true) throw removedMember(definition, record.name, true);
}

function removedMember({ name: command }: CommandDefinition, name: string, local: boolean): SandboxError {
  if (!local) {
    return new SandboxError('MEMBER_UNKNOWN', `Cannot run "${command}": ${name} was removed from this sandbox`, {
      hint: 'Ask its owner for a new link.',
    });
  }
  return new SandboxError('MEMBER_UNKNOWN', `Cannot run "${command}": you were removed from this sandbox`, {
    hint: 'What is here can still be read. Join again by a new link of its owner, or forget it with "sandmesh leave".',
  });
}

/** Whether it is a member, and its role holds the right. */
export function memberHolds(control: ControlView, member: MemberId, right: Right): boolean {
  const record = control.members.get(member);
  return record !== undefined && !record.removed && roleHolds(record.role, right);
}

function hintAtRole(right: Right): string {
  const least = ROLES.find((role) => roleHolds(role, right)) ?? 'owner';
  if (least === 'owner') return 'Only an owner of the sandbox may.';
  return `It takes the role "${least}" at least: ask the owner of the sandbox for it.`;
}

export interface ConsentQuestion {
  readonly right: Right | 'local';
  readonly member: MemberId;
  readonly self: MemberId;
  readonly target: Target;
  readonly control: ControlView;
  readonly consents: Consents;
  readonly requests: PendingRequests;
  /** Its signal is made only when somebody has to be asked. */
  readonly until: { readonly signal: AbortSignal };
  /** 30 s by default. */
  readonly waitMs?: number | undefined;
}

/**
 * Lets the host's person decide, once per member, program and right. The host's own commands need no consent.
 *
 * @throws {SandboxError} CONSENT_DENIED; CONSENT_PENDING after `waitMs` without an answer; `signal.reason`
 */
export async function authorizeConsent(question: ConsentQuestion): Promise<void> {
  const { right, member, self, target, consents } = question;
  if (right === 'local' || member === self || !CONSENT_RIGHTS.has(right)) return;
  const subject = { member, program: target.name, right };
  const known = consents.answer(subject);
  if (known === 'allow') return;
  if (known === 'deny') throw consentDenied(right, target);
  const expired = (): Error =>
    new SandboxError('CONSENT_PENDING', `Nobody at the host of "${target.name}" has allowed "${right}" yet`, {
      hint: 'Your request stays open there: ask the host to approve it and try again.',
    });
  const { approved } = await withDeadline(
    { timeoutMs: question.waitMs ?? CONSENT_WAIT_MS, signal: question.until.signal, expired },
    ({ signal }) =>
      question.requests.ask(...consentRequest(question, right), { signal }).catch((thrown: unknown) => {
        // The question ran out while this call waited for it: to the caller that is silence, not an interruption.
        throw thrown instanceof SandboxError && thrown.code === 'CANCELLED' && !signal.aborted ? expired() : thrown;
      }),
  );
  if (!approved) throw consentDenied(right, target);
}

/** Opens the host's question about a probe that arrived by document, without anybody waiting for it. */
export function raiseConsent(question: Omit<ConsentQuestion, 'until' | 'waitMs'>): void {
  if (question.right === 'local') return;
  question.requests.raise(...consentRequest(question, question.right));
}

function consentRequest(
  question: Omit<ConsentQuestion, 'until' | 'waitMs'>,
  right: Right,
): Parameters<PendingRequests['raise']> {
  const { member, target, control } = question;
  const { name, fingerprint, warning } = identify(control, member);
  return [
    `consent ${member} ${target.name} ${right}`,
    {
      kind: 'consent',
      name,
      fingerprint,
      member,
      target: target.id,
      program: target.name,
      right,
      stake: stakeOf(right, target.name),
      ...(warning === undefined ? {} : { warning }),
    },
  ];
}

function consentDenied(right: Right, target: Target): SandboxError {
  return new SandboxError('CONSENT_DENIED', `The host of "${target.name}" does not allow you "${right}"`, {
    hint: 'Ask the host; it can allow you with "sandmesh approve <your name>".',
  });
}

/** What saying yes puts at stake, in one plain sentence. */
export function stakeOf(right: Right, program: string): string {
  switch (right) {
    case 'evaluate':
      return `Runs any code it likes in "${program}", with all your user account may do on this machine.`;
    case 'state-write':
      return `Changes variables in "${program}" while it runs.`;
    case 'patch':
      return `Replaces code of "${program}" while it runs, with all your user account may do on this machine.`;
    case 'experiment':
      return `Runs variants of "${program}"'s code on a fork of its state on this machine.`;
    default:
      return `Uses the right "${right}" on "${program}".`;
  }
}
