/**
 * Heads of the audit log, told to the other members: a register of this host, `audit`, which replicates like any other
 * and so is in every checkpoint made after it. Whoever later rewrites or cuts off this daemon's log, device key in
 * hand, cannot take back what others hold. A head says how many lines there are and nothing about what is in them.
 */

import { z } from 'zod';
import type { AuditHead } from '#protocol/audit-line.ts';
import { roleHolds } from '#shared/rights.ts';
import type { Replica } from '../../network/replication/replica-interface.ts';
import type { AuditAnchor } from './audit-reader.ts';

const REGISTER = 'audit';
const anchorSchema = z.object({
  seq: z.number().int().positive(),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
});

/**
 * Writes the head where it is newer than the one told last; for the maker of a checkpoint to call right before.
 *
 * @returns once durable; at once where this member's role may not write registers, or nothing is new
 */
export async function anchorAudit(replica: Replica, head: AuditHead): Promise<void> {
  const self = replica.control.members.get(replica.self);
  if (head.seq === 0 || self === undefined || self.removed || !roleHolds(self.role, 'host')) return;
  const last = readAnchor(replica);
  if (last !== undefined && last.seq >= head.seq) return;
  await replica.writeRegister('host', REGISTER, { seq: head.seq, hash: head.hash });
}

/** The head told last in this sandbox. */
export function anchorIn(replica: Replica): AuditAnchor | undefined {
  const head = readAnchor(replica);
  return head === undefined ? undefined : { ...head, source: `sandbox ${replica.sandbox.slice(0, 8)}` };
}

function readAnchor(replica: Replica): AuditHead | undefined {
  const parsed = anchorSchema.safeParse(replica.registers('host', replica.self).get(REGISTER));
  return parsed.success ? parsed.data : undefined;
}
