/** Who a member is, as it is put before a person: a name, which is only text, and the key's fingerprint, which tells. */

import { equalBytes } from '#shared/bytes.ts';
import { nameWarning } from '#shared/confusable-names.ts';
import type { MemberId } from '#shared/ids.ts';
import type { ControlView } from '../network/replication/replica-interface.ts';
import { fingerprintOf } from './identity.ts';

export interface MemberIdentity {
  readonly name: string;
  readonly fingerprint: string;
  readonly warning: string | undefined;
}

/** Name and fingerprint, without a look at the names of others. */
export function nameAndFingerprint(control: ControlView, member: MemberId): Omit<MemberIdentity, 'warning'> {
  const record = control.members.get(member);
  if (record === undefined) return { name: `member ${member}`, fingerprint: '' };
  return { name: record.name, fingerprint: fingerprintOfMember(record.deviceKey) };
}

/** By the control log's own copy of a key, which never changes: every line of the audit log names one. */
const fingerprints = new WeakMap<Uint8Array, string>();

function fingerprintOfMember(deviceKey: Uint8Array): string {
  const known = fingerprints.get(deviceKey);
  if (known !== undefined) return known;
  const fingerprint = fingerprintOf(deviceKey);
  fingerprints.set(deviceKey, fingerprint);
  return fingerprint;
}

/** A number that is no member's gets a name that says so, and no fingerprint. */
export function identify(control: ControlView, member: MemberId): MemberIdentity {
  const known = nameAndFingerprint(control, member);
  const key = control.members.get(member)?.deviceKey;
  return { ...known, warning: key === undefined ? undefined : warnOfName(control, known.name, key) };
}

/**
 * Why a name may deceive in this sandbox: it reads like that of a member with another key, removed ones included.
 *
 * @param deviceKey that bears it: the same key under the same name deceives nobody
 */
export function warnOfName(control: ControlView, name: string, deviceKey: Uint8Array): string | undefined {
  const others = [...control.members.values()].filter((record) => !equalBytes(record.deviceKey, deviceKey));
  return nameWarning(name, others);
}
