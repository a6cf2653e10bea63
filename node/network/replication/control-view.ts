/** The folded control log as the rest of the daemon sees it. */

import type { ControlState, MemberState } from '#protocol/control-state.ts';
import { equalBytes } from '#shared/bytes.ts';
import type { ControlView, MemberRecord } from './replica-interface.ts';

/** A snapshot: later entries do not change it. */
export function viewControl(state: ControlState): ControlView {
  const members = new Map([...state.members].map(([id, member]) => [id, viewMember(member)]));
  return {
    name: state.name,
    ownerKey: state.ownerKey,
    founding: state.founding,
    seq: state.seq,
    members,
    invites: new Map(state.invites),
    memberByKey(deviceKey) {
      let found: MemberRecord | undefined;
      for (const member of members.values()) if (equalBytes(member.deviceKey, deviceKey)) found = member;
      return found;
    },
  };
}

/** A removed member keeps the role it had last. */
export function viewMember(member: MemberState): MemberRecord {
  const last = member.history.at(-1);
  const role = member.history.findLast((step) => step.role !== null)?.role ?? 'viewer';
  return { id: member.id, name: member.name, role, deviceKey: member.deviceKey, removed: last?.role === null };
}
