/** The folded control logs as the rest of the daemon sees them. */

import type { ControlState, MemberState } from '#protocol/control-state.ts';
import type { ControlView, MemberRecord } from '../replica-interface.ts';

/** A snapshot: later entries do not change it. */
export function viewControl(state: ControlState): ControlView {
  const { name, ownerKey, founding, seq, invites, forks, policy } = state;
  const members = new Map([...state.members].map(([id, member]) => [id, viewMember(member)]));
  const delegates = new Map(
    [...state.delegations].map(([id, { member, key, from, to, role, end }]) => [
      id,
      { member, key, from, to, role, ended: end !== undefined },
    ]),
  );
  return {
    name,
    ownerKey,
    founding,
    seq,
    members,
    invites,
    delegates,
    forks,
    policy,
    memberByKey(deviceKey) {
      const member = state.memberByKey(deviceKey);
      return member === undefined ? undefined : members.get(member.id);
    },
  };
}

/** A removed member keeps the role it had last. */
export function viewMember(member: MemberState): MemberRecord {
  const { id, name, role, deviceKey, removed } = member;
  return { id, name, role, deviceKey, removed: removed !== undefined };
}
