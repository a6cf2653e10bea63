/** `sandbox.leave`: out of a sandbox, and what becomes of it: forgotten here, kept as a file, or ended for everybody. */

import { join } from 'node:path';
import { SandboxError } from '#shared/errors.ts';
import type { MemberRecord, Replica } from '../network/replication/replica-interface.ts';
import type { Handler } from '../pipeline/context.ts';
import type { SandboxHandlers } from '../pipeline/pipeline.ts';
import { makeHomeFolder } from '../storage/make-folder.ts';
import type { RunningSandbox } from './running-sandbox.ts';
import { writeArchive } from './sandbox-archive.ts';
import type { SandboxFolders } from './sandbox-folder.ts';
import type { SandboxRegistry } from './sandbox-registry.ts';

export interface LeaveHandlerOptions {
  readonly registry: SandboxRegistry;
  readonly folders: SandboxFolders;
  /** Where archived sandboxes are put. */
  readonly archiveDir: string;
}

export function leaveHandler({ registry, folders, archiveDir }: LeaveHandlerOptions): SandboxHandlers<RunningSandbox> {
  const leave: Handler<'sandbox.leave', RunningSandbox> = async ({ mode }, { sandbox }) => {
    const stay = mode === 'leave' ? whoStaysWithoutOwner(sandbox) : [];
    const away = mode === 'destroy' ? await endForEverybody(sandbox) : [];
    const archive = mode === 'archive' ? await writeAside(sandbox, folders, archiveDir) : undefined;
    await registry.leave(sandbox, archive !== undefined);
    return {
      left: sandbox.id,
      ...(archive === undefined ? {} : { archive }),
      ...(away.length === 0 ? {} : { away }),
      ...(stay.length === 0 ? {} : { stay }),
    };
  };
  return { 'sandbox.leave': leave };
}

/** @returns names of members whom nobody can remove or give another role once this machine's control key is gone */
function whoStaysWithoutOwner({ replica }: RunningSandbox): string[] {
  return replica.authority?.log === 0 ? othersIn(replica).map(({ name }) => name) : [];
}

function othersIn({ control, self }: Replica): MemberRecord[] {
  return [...control.members.values()].filter(({ id, removed }) => id !== self && !removed);
}

async function writeAside(sandbox: RunningSandbox, folders: SandboxFolders, archiveDir: string): Promise<string> {
  const { id, replica, record } = sandbox;
  await replica.flush();
  makeHomeFolder(archiveDir);
  const exportedAt = Date.now();
  const file = join(archiveDir, `${id.slice(0, 8)}-${exportedAt}.sandmesh`);
  writeArchive(file, folders.path(id), { sandbox: id, name: record.name, exportedAt, keys: true });
  return file;
}

/**
 * A removal is a control entry and travels like any: whoever is here is told on its link before that ends.
 *
 * @returns the names of members who are away: they learn it from those who are here, if they ever meet
 */
async function endForEverybody({ replica, online }: RunningSandbox): Promise<string[]> {
  const { authority, control } = replica;
  if (authority === undefined || authority.log !== 0) {
    throw new SandboxError('FORBIDDEN', 'Cannot destroy this sandbox: only its owner can, where its key lies', {
      hint: 'To leave it yourself: "sandmesh leave".',
    });
  }
  for (const invite of control.invites.values()) if (!invite.revoked) await authority.revokeInvite(invite.publicKey);
  const others = othersIn(replica);
  const away = others.filter(({ id }) => !online.has(id)).map(({ name }) => name);
  for (const { id } of others) await authority.revoke(id);
  await replica.flush();
  return away;
}
