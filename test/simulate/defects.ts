/**
 * Deliberate defects: each is a mistake that could be made in the code under test, as a change of its text. The
 * simulator must find every one of them, or it does not look where it says.
 */

import type { Patch } from './load.ts';

export interface Defect {
  readonly name: string;
  readonly patches: readonly Patch[];
  /** A seed that found it when this was written: tried first. */
  readonly shownBy: number;
}

const replication = (file: string): string => `node/network/replication/${file}`;

function defect(name: string, shownBy: number, file: string, find: string, replace: string): Defect {
  return { name, shownBy, patches: [{ file, find, replace }] };
}

export const DEFECTS: readonly Defect[] = [
  defect(
    'acknowledge-before-fsync',
    2,
    'node/storage/append-log.ts',
    'if (this.#unsynced === 0 && this.#syncing === undefined) return Promise.resolve();',
    'return Promise.resolve();',
  ),
  defect(
    'cut-more-than-was-torn',
    1,
    'node/storage/append-log.ts',
    'if (cutBytes > 0) file.truncate(end);',
    'if (cutBytes > 0) file.truncate(Math.max(16, end - 1));',
  ),
  defect(
    'ignore-crc',
    11,
    'node/storage/log-format.ts',
    'return readUint32(chunk, at + 4) === crc32(',
    'return readUint32(chunk, at + 4) >= 0 || 0 === crc32(',
  ),
  defect(
    'send-before-write',
    13,
    replication('local-commits.ts'),
    'log.write();\n      if (sent.length > 0) onSealed(sent, own.chain);',
    'if (sent.length > 0) onSealed(sent, own.chain);\n      log.write();',
  ),
  defect(
    'skip-the-cut',
    2,
    'protocol/control-state.ts',
    'if (envelope.seq <= (step.cuts.get(chain) ?? 0)) return true;',
    'return true;',
  ),
  defect(
    'drop-cut-envelopes',
    11,
    replication('document-store.ts'),
    'const update = counted ? payload : neutraliseUpdate(payload, doc);',
    'const update = counted ? payload : undefined;',
  ),
  defect(
    'leave-documents-after-a-cut',
    8,
    replication('renewal.ts'),
    'for (const name of this.#parts.documents.recount(members)) this.#renew(name);',
    'this.#parts.documents.recount(members);',
  ),
  defect(
    'reissue-nothing',
    21,
    replication('renewal.ts'),
    'for (const [name, records] of doubtful) this.#reissue(name, records);',
    'void doubtful;',
  ),
  defect(
    'forget-a-frontier',
    1,
    replication('sandbox-replica.ts'),
    'frontier: () => this.heads().map(',
    'frontier: () => this.heads().filter(({ member }) => member !== 3).map(',
  ),
  defect(
    'accept-falling-control',
    5,
    replication('acceptance.ts'),
    "if (!reaches(header.control, chain.controlAt(chain.seq))) return refuse('its control position falls');",
    '',
  ),
  defect(
    'judge-by-the-present-role',
    1,
    replication('acceptance.ts'),
    'control.roleAt(header.member, header.control)',
    'control.roleNow(header.member)',
  ),
  defect(
    'ignore-role',
    29,
    replication('acceptance.ts'),
    'if (!mayWrite(role, header.member, header.document)) {',
    'if (role === null) {',
  ),
  defect(
    'verify-no-signature',
    5,
    replication('acceptance.ts'),
    'if (options.trusted !== true && !verifyEnvelope(envelope, author.deviceKey, context.crypto)) {',
    'if (options.trusted === undefined && envelope.signature.length !== 64) {',
  ),
  defect(
    'verify-no-control-signature',
    3,
    'protocol/control-log.ts',
    'await verifyControlEntry(compact, parseHex(key) as Uint8Array);',
    'void verifyControlEntry;',
  ),
  defect(
    'apply-across-a-gap',
    1,
    replication('acceptance.ts'),
    'if (other === undefined) return waitForEnvelope(dep);',
    'if (other === undefined) continue;',
  ),
  defect(
    'refuse-what-comes-early',
    4,
    replication('acceptance.ts'),
    'if (other === undefined) return waitForEnvelope(dep);',
    "if (other === undefined) return refuse('too early');",
  ),
  defect(
    'never-look-again-at-what-waits',
    4,
    replication('parking.ts'),
    'return names.flatMap((name) => this.#remove(name) ?? []);',
    'return names.slice(1).flatMap((name) => this.#remove(name) ?? []);',
  ),
  defect(
    'ignore-equivocation',
    18,
    replication('open-replica.ts'),
    'header.seq <= chains.commonSeq(header.member, header.incarnation) && ',
    '',
  ),
  defect(
    'keep-one-line-of-a-fork',
    4,
    replication('acceptance.ts'),
    'const knowledge = context.knowledgeAt(before, seq - 1);',
    "return { kind: 'duplicate' };",
  ),
  defect(
    'refuse-lines-below-a-checkpoint',
    740093,
    replication('acceptance.ts'),
    'const knowledge = context.knowledgeAt(before, seq - 1);',
    "if (seq <= before.base) return refuse('final');\n  const knowledge = context.knowledgeAt(before, seq - 1);",
  ),
  defect(
    'write-as-anybody',
    3,
    'shared/documents/update-check.ts',
    'if (update.client !== context.client) throw',
    'if (update.client === undefined) throw',
  ),
  defect(
    'refer-to-anything',
    26,
    'shared/documents/update-check.ts',
    "if (id.clock >= limit) throw new UpdateRefusal('it refers to what its author had not seen');",
    '',
  ),
  defect(
    'delete-anything',
    4,
    'shared/documents/update-check.ts',
    'if (range.clock + range.length > limit) throw',
    'if (range.clock + range.length > limit && range.length === 0) throw',
  ),
  defect(
    'latest-arrival-wins',
    19,
    'shared/documents/register-table.ts',
    '&& compareOrders(before, order) > 0',
    '&& false',
  ),
  defect(
    'reuse-an-incarnation',
    4,
    replication('environment.ts'),
    'const bytes = environment.random(4);',
    'const bytes = new Uint8Array(4);',
  ),
  defect(
    'wait-for-one-peer-for-ever',
    19,
    replication('peer-sessions.ts'),
    'this.#host.environment.after(FETCH_LIMIT_MS, () => this.#giveUp())',
    'this.#host.environment.after(FETCH_LIMIT_MS * 1000, () => this.#giveUp())',
  ),
  defect(
    'delegate-gives-any-number',
    115,
    'protocol/control-delegate-fold.ts',
    'if (member < delegation.from || member > delegation.to) {',
    'if (member < 1) {',
  ),
  defect(
    'delegate-gives-any-role',
    31,
    'protocol/control-delegate-fold.ts',
    'if (isAbove(role, delegation.role)) throw meaningless(entry, aboveCap(role, delegation));\n    const known',
    'const known',
  ),
  defect(
    'delegate-rules-over-strangers',
    1,
    'protocol/control-delegate-fold.ts',
    'if (!this.grants.has(member) || this.roleNow(member) === null) {',
    'if (member === undefined) {',
  ),
  defect(
    'ended-delegate-goes-on',
    25,
    'protocol/control-state.ts',
    'if (place.log === OWNER_LOG || end === undefined || place.seq <= end.cut) return true;',
    'return true;',
  ),
  defect(
    'forked-delegate-goes-on',
    1,
    'protocol/control-delegate-log.ts',
    'if (only === undefined || valid.length > 1 || !means(this.#fold, only)) break;',
    'if (only === undefined || !means(this.#fold, only)) break;',
  ),
  defect(
    'forked-owner-goes-on',
    1,
    'protocol/control-owner-log.ts',
    'spoken.length === 1 ? spoken[0] : undefined;',
    'spoken.length === 1 ? spoken[0] : next[0];',
  ),
  defect(
    'rotate-without-the-recovery-key',
    1,
    'protocol/control-owner-log.ts',
    'if (!before.isRecoveryKey(entry.recoveryKey) || ',
    'if (',
  ),
  defect(
    'sign-without-looking-at-others',
    1,
    replication('control-keeper.ts'),
    'const levelled = await this.#levelled;',
    'const levelled = true;',
  ),
  defect(
    'miss-records-under-what-was-cut',
    1,
    replication('document-history.ts'),
    'return { newest: writes[newest], above',
    'return { newest: newest > 0 ? undefined : writes[newest], above',
  ),
];
