/** The list of snapshots as the hosts' registers tell it, every host of its own only. */

import { hostOfSnapshot, hostOfTarget, type MemberId, SNAPSHOT_ID, type SnapshotId } from '#shared/ids.ts';
import { type Snapshot, snapshotSchema } from '#shared/model/snapshot.ts';
import type { Replica } from '../../network/replication/replica-interface.ts';

const PREFIX = 'snapshot/';
/** More than a host of ours ever keeps; what a hostile one lists beyond is not read. */
const MAX_PER_HOST = 500;

export function snapshotKey(id: SnapshotId): string {
  return `${PREFIX}${id}`;
}

/** @returns undefined for keys of other rooms, and for what is not that host's */
export function parseSnapshotKey(host: MemberId, key: string): SnapshotId | undefined {
  if (!key.startsWith(PREFIX)) return undefined;
  const id = key.slice(PREFIX.length);
  return SNAPSHOT_ID.test(id) && hostOfSnapshot(id as SnapshotId) === host ? (id as SnapshotId) : undefined;
}

export function readSnapshot(replica: Replica, id: SnapshotId): Snapshot | undefined {
  const host = hostOfSnapshot(id);
  const parsed = snapshotSchema.safeParse(replica.registers('host', host).get(snapshotKey(id)));
  return parsed.success && parsed.data.id === id && hostOfTarget(parsed.data.target) === host ? parsed.data : undefined;
}

/** The latest first. */
export function snapshotsOf(replica: Replica, host: MemberId): Snapshot[] {
  const found: Snapshot[] = [];
  for (const key of replica.registers('host', host).keys()) {
    const id = parseSnapshotKey(host, key);
    const snapshot = id === undefined ? undefined : readSnapshot(replica, id);
    if (snapshot !== undefined) found.push(snapshot);
    if (found.length >= MAX_PER_HOST) break;
  }
  return found.sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1));
}
