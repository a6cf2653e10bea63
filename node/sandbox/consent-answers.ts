/**
 * What a person's yes or no to a consent question means for later: it is remembered, and a remembered no can be taken
 * back by a later yes, when no question is open any more.
 */

import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import type { PendingRequest } from '#shared/model/member.ts';
import type { Replica } from '../network/replication/replica-interface.ts';
import { stakeOf } from '../security/authorize.ts';
import type { Consents } from '../security/consent.ts';
import { fingerprintOf } from '../security/identity.ts';

/** Does nothing for other kinds of requests. @throws {SandboxError} HOME_UNWRITABLE */
export function rememberAnswer(consents: Consents, request: PendingRequest, answer: 'allow' | 'deny'): void {
  const { kind, member, program, right } = request;
  if (kind !== 'consent' || member === undefined || program === undefined || right === undefined) return;
  consents.record({ member, program, right }, answer);
}

/**
 * Turns one remembered denial into an allowance.
 *
 * @param which the member's name, or where several things were denied to it `<name> <right>` or
 * `<name> <right> <program>`
 * @returns the question as it would be put now; undefined when nothing was denied to such a member
 * @throws {SandboxError} BAD_ARGUMENT when several things were: a yes must not mean more than was in mind
 */
export function takeBackDenial(replica: Replica, consents: Consents, which: string): PendingRequest | undefined {
  if (which === '') return undefined;
  const nameOf = (member: MemberId): string => replica.control.members.get(member)?.name ?? '';
  const denied = consents
    .denials()
    .filter(({ member, right, program }) => `${nameOf(member)} ${right} ${program} `.startsWith(`${which} `));
  const only = denied[0];
  if (only === undefined) return undefined;
  if (denied.length > 1) {
    const list = denied.map(({ member, right, program }) => `"${nameOf(member)} ${right} ${program}"`).join(', ');
    throw new SandboxError(
      'BAD_ARGUMENT',
      `Cannot tell what to allow "${which}": ${denied.length} things were denied`,
      {
        hint: `Say which: ${list}.`,
      },
    );
  }
  consents.record(only, 'allow');
  const record = replica.control.members.get(only.member);
  const now = Date.now();
  return {
    id: '',
    kind: 'consent',
    name: nameOf(only.member),
    fingerprint: record === undefined ? '' : fingerprintOf(record.deviceKey),
    ...only,
    stake: stakeOf(only.right, only.program),
    at: now,
    expiresAt: now,
  };
}
