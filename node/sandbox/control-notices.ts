/**
 * What people are told of the control logs: a fork, its settlement, their own removal, a locked key, and an entry that was
 * signed without asking around.
 */

import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import type { ControlAuthority, ControlView, ForkRecord, Replica } from '../network/replication/replica-interface.ts';

/** What is wrong with this membership and the control logs as long as nobody settles it. */
export function controlWarnings({
  control,
  self,
  authority,
}: Pick<Replica, 'control' | 'self' | 'authority'>): string[] {
  const { forks, members } = control;
  const removed = members.get(self)?.removed === true ? [REMOVED] : [];
  const locked = authority !== undefined && isLocked(authority) ? [LOCKED] : [];
  return [...removed, ...locked, ...forks.map((fork) => forkText(fork, signerOf(fork, members)))];
}

const LOCKED =
  'the control key is locked: nobody is let in, removed or given another role before "sandmesh key unlock"; if its passphrase is lost, "sandmesh recover"';

function isLocked(authority: ControlAuthority): boolean {
  try {
    authority.assertUnlocked();
    return false;
  } catch (error) {
    if (error instanceof SandboxError && error.code === 'KEY_LOCKED') return true;
    throw error;
  }
}

const REMOVED =
  'you were removed, and nothing of the others comes here any more: join again by a new link of its owner, or "sandmesh leave"';

/** @returns what ends it */
export function watchControlLogs(replica: Replica, tell: (text: string) => void): () => void {
  const name = (fork: ForkRecord): string => signerOf(fork, replica.control.members);
  const self = (): boolean => replica.control.members.get(replica.self)?.removed === true;
  let removed = self();
  let known = new Map(replica.control.forks.map((fork) => [fork.log, fork]));
  const offControl = replica.events.on('control', ({ forks }) => {
    for (const fork of forks) if (!known.has(fork.log)) tell(forkText(fork, name(fork)));
    for (const fork of known.values()) {
      if (!forks.some(({ log }) => log === fork.log)) tell('the fork of the control log is settled');
    }
    known = new Map(forks.map((fork) => [fork.log, fork]));
    if (!removed && self()) tell(REMOVED);
    removed = self();
  });
  const offUnlevelled = replica.events.on('unlevelled', () =>
    tell(
      'signed without having reached another member: if this home was restored from a backup, let others connect before you sign more',
    ),
  );
  return () => {
    offControl();
    offUnlevelled();
  };
}

function signerOf({ log }: ForkRecord, members: ControlView['members']): string {
  return members.get(log as MemberId)?.name ?? `member ${log}`;
}

function forkText(fork: ForkRecord, delegate: string): string {
  if (fork.log !== 0) {
    return `the key of delegate ${delegate} signed two things at once: what it did after entry ${fork.seq} has no effect; the owner ends it with "sandmesh delegate ${delegate} --end"`;
  }
  return `the owner's key signed two things at once, as a restored backup does: memberships stand as of entry ${fork.seq} until "sandmesh recover" settles it; work goes on`;
}
