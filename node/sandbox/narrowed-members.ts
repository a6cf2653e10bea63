/**
 * Tells whose rights have shrunk: a member that was removed or got a lesser role starts from nothing at this host,
 * even if it gets its old role back one day.
 */

import type { MemberId } from '#shared/ids.ts';
import { CONSENT_RIGHTS, ROLES, type Role, roleHolds } from '#shared/rights.ts';
import type { MemberRecord } from '../network/replication/replica-interface.ts';

export class NarrowedMembers {
  readonly #ranks = new Map<MemberId, number>();

  /**
   * Members with fewer rights than at the last look. The first look knows no before (the daemon was away): it names
   * all whose role holds nothing that a host consents to.
   */
  look(members: Iterable<MemberRecord>): MemberId[] {
    const narrowed: MemberId[] = [];
    for (const { id, role, removed } of members) {
      const rank = removed ? -1 : ROLES.indexOf(role);
      const before = this.#ranks.get(id);
      if (before === undefined ? removed || !needsConsent(role) : rank < before) narrowed.push(id);
      this.#ranks.set(id, rank);
    }
    return narrowed;
  }
}

function needsConsent(role: Role): boolean {
  return [...CONSENT_RIGHTS].some((right) => roleHolds(role, right));
}
