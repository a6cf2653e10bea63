/**
 * Deliberate defects: each is a mistake that could be made in the code under test, as a change of its text. The
 * simulator must find every one of them, or it does not look where it says.
 */

import type { Patch } from './load.ts';
import type { StepKind } from './plan.ts';

export interface Defect {
  readonly name: string;
  readonly patches: readonly Patch[];
  /** A seed that found it when this was written: tried first. */
  readonly shownBy: number;
  /** For what otherwise takes hundreds of runs to come about: what comes in droves in runs that look for it. */
  readonly favour?: StepKind;
}

const replication = (file: string): string => `node/network/replication/${file}`;

function defect(
  name: string,
  shownBy: number | readonly [seed: number, favour: StepKind],
  file: string,
  find: string,
  replace: string,
): Defect {
  const patches = [{ file, find, replace }];
  if (typeof shownBy === 'number') return { name, shownBy, patches };
  return { name, shownBy: shownBy[0], favour: shownBy[1], patches };
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
    4,
    'node/storage/log-format.ts',
    'return readUint32(chunk, at + 4) === crc32(',
    'return readUint32(chunk, at + 4) >= 0 || 0 === crc32(',
  ),
  {
    name: 'send-before-write',
    shownBy: 26,
    patches: [
      {
        file: replication('documents/local-commits.ts'),
        find: 'log.write();\n      if (sent.length > 0) onSealed(sent, own.chain);',
        replace: 'if (sent.length > 0) onSealed(sent, own.chain);\n      log.write();',
      },
      {
        file: replication('documents/local-commits.ts'),
        find: 'log.appendNow(RecordType.envelope, bytes)',
        replace: 'log.append(RecordType.envelope, bytes)',
      },
    ],
  },
  defect('skip-the-cut', 1, 'protocol/control-state.ts', 'if (covers(step)) return true;', 'return true;'),
  defect(
    'drop-cut-envelopes',
    3,
    replication('documents/document-store.ts'),
    'const update = counted ? payload : neutraliseUpdate(payload, doc);',
    'const update = counted ? payload : undefined;',
  ),
  defect(
    'leave-documents-after-a-cut',
    1,
    replication('documents/renewal.ts'),
    'for (const name of this.#parts.documents.recount(members)) this.#renew(name);',
    'this.#parts.documents.recount(members);',
  ),
  defect(
    'reissue-nothing',
    [14, 'spoil-twice'],
    replication('documents/renewal.ts'),
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
    19,
    replication('chains/acceptance.ts'),
    "if (!reaches(header.control, chain.controlAt(chain.seq))) return refuse('its control position falls');",
    '',
  ),
  defect(
    'judge-by-the-present-role',
    58,
    replication('chains/acceptance.ts'),
    'control.roleAt(header.member, header.control)',
    'control.roleNow(header.member)',
  ),
  defect(
    'ignore-role',
    3,
    replication('chains/acceptance.ts'),
    'if (!control.mightWrite(header)) return settle(why);',
    "if (why === '') return settle(why);",
  ),
  defect(
    'verify-no-signature',
    3,
    replication('chains/acceptance.ts'),
    'verifyEnvelope(envelope, key, crypto);',
    'verifyEnvelope(envelope, key, crypto) || true;',
  ),
  defect(
    'verify-no-control-signature',
    26,
    'protocol/control-log.ts',
    'await verifyControlEntry(compact, parseHex(key) as Uint8Array);',
    'void verifyControlEntry;',
  ),
  defect(
    'apply-across-a-gap',
    4,
    replication('chains/acceptance.ts'),
    'if (other === undefined) return waitForEnvelope(dep);',
    'if (other === undefined) continue;',
  ),
  defect(
    'refuse-what-comes-early',
    3,
    replication('chains/acceptance.ts'),
    'if (other === undefined) return waitForEnvelope(dep);',
    "if (other === undefined) return refuse('too early');",
  ),
  defect(
    'never-look-again-at-what-waits',
    5,
    replication('chains/parking.ts'),
    'return names.flatMap((name) => this.#remove(name) ?? []);',
    'return names.slice(1).flatMap((name) => this.#remove(name) ?? []);',
  ),
  defect(
    'ignore-equivocation',
    29,
    replication('open-replica.ts'),
    'header.seq <= chains.commonSeq(header.member, header.incarnation) && ',
    '',
  ),
  defect(
    'keep-one-line-of-a-fork',
    [3, 'two-faces'],
    replication('chains/acceptance.ts'),
    'const knowledge = context.knowledgeAt(before, seq - 1);',
    "return { kind: 'duplicate' };",
  ),
  defect(
    'refuse-lines-below-a-checkpoint',
    [14, 'two-faces'],
    replication('chains/acceptance.ts'),
    'const knowledge = context.knowledgeAt(before, seq - 1);',
    "if (seq <= before.base) return refuse('final');\n  const knowledge = context.knowledgeAt(before, seq - 1);",
  ),
  defect(
    'write-as-anybody',
    7,
    'shared/documents/update-check.ts',
    'if (update.client !== context.client) throw',
    'if (update.client === undefined) throw',
  ),
  defect(
    'refer-to-anything',
    19,
    'shared/documents/update-check.ts',
    "if (id.clock >= limit) throw new UpdateRefusal('it refers to what its author had not seen');",
    '',
  ),
  defect(
    'delete-anything',
    2,
    'shared/documents/update-check.ts',
    'if (range.clock + range.length > limit) throw',
    'if (range.clock + range.length > limit && range.length === 0) throw',
  ),
  defect(
    'latest-arrival-wins',
    12,
    'shared/documents/register-table.ts',
    '&& compareOrders(before, order) > 0',
    '&& false',
  ),
  defect(
    'reuse-an-incarnation',
    3,
    replication('environment.ts'),
    'const bytes = environment.random(4);',
    'const bytes = new Uint8Array(4);',
  ),
  defect(
    'wait-for-one-peer-for-ever',
    34,
    replication('peers/peer-sessions.ts'),
    'this.#host.environment.after(FETCH_LIMIT_MS, () => this.#giveUp())',
    'this.#host.environment.after(FETCH_LIMIT_MS * 1000, () => this.#giveUp())',
  ),
  defect(
    'delegate-gives-any-number',
    33,
    'protocol/control-delegate-fold.ts',
    'if (member < delegation.from || member > delegation.to) {',
    'if (member < 1) {',
  ),
  defect(
    'delegate-gives-any-role',
    [35, 'delegate'],
    'protocol/control-delegate-fold.ts',
    'if (isAbove(role, delegation.role)) throw meaningless(entry, aboveCap(role, delegation));\n    const known',
    'const known',
  ),
  defect(
    'delegate-rules-over-strangers',
    [22, 'delegate'],
    'protocol/control-delegate-fold.ts',
    'if (!this.grants.has(member) || this.roleNow(member) === null) {',
    'if (member === undefined) {',
  ),
  defect(
    'ended-delegate-goes-on',
    [13, 'delegate'],
    'protocol/control-state.ts',
    'if (place.log === OWNER_LOG || end === undefined || place.seq <= end.cut) return true;',
    'return true;',
  ),
  defect(
    'forked-delegate-goes-on',
    2,
    'protocol/control-delegate-log.ts',
    'if (only === undefined || valid.length > 1 || !means(this.#fold, only)) break;',
    'if (only === undefined || !means(this.#fold, only)) break;',
  ),
  defect(
    'forked-owner-goes-on',
    17,
    'protocol/control-owner-log.ts',
    'spoken.length === 1 ? spoken[0] : undefined;',
    'spoken.length === 1 ? spoken[0] : next[0];',
  ),
  {
    name: 'rotate-without-the-recovery-key',
    shownBy: 21,
    patches: [
      {
        file: 'protocol/control-owner-log.ts',
        find: 'if (!before.isRecoveryKey(entry.recoveryKey) || ',
        replace: 'if (',
      },
      {
        file: 'protocol/control-owner-fold.ts',
        find: 'if (!this.isRecoveryKey(entry.recoveryKey)) throw',
        replace: "if (entry.recoveryKey === '') throw",
      },
    ],
  },
  defect(
    'sign-without-looking-at-others',
    [6, 'work-unseen'],
    replication('control/control-keeper.ts'),
    'const levelled = await this.#levelled;',
    'const levelled = true;',
  ),
  defect(
    'miss-records-under-what-was-cut',
    [14, 'spoil-twice'],
    replication('documents/document-history.ts'),
    'return { newest: writes[newest], above',
    'return { newest: newest > 0 ? undefined : writes[newest], above',
  ),
  defect(
    'forget-records-that-wait',
    [6012, 'remove'],
    replication('documents/renewal.ts'),
    'return [...collectOwnRecords(doc, self), ...lost];',
    'return [...collectOwnRecords(doc, self), ...lost.slice(lost.length)];',
  ),
  defect(
    'take-an-older-record-for-a-newer-one',
    200_501,
    replication('documents/renewal.ts'),
    'return !noted.some((record)',
    'return noted.length > 0 || !noted.some((record)',
  ),
  defect(
    'stand-on-a-checkpoint-without-effect',
    300_066,
    replication('checkpoints/owner-checkpoints.ts'),
    'return !this.#all().some(',
    'return this.#all().length < 0 && !this.#all().some(',
  ),
  defect(
    'drop-who-lost-its-grant-to-a-fork',
    [710_058, 'recover'],
    replication('peers/opening.ts'),
    'return !this.#level && greeted &&',
    'return !this.#level && greeted && this.#stopped &&',
  ),
  defect(
    'refuse-whom-another-branch-admitted',
    400_424,
    'protocol/control-state.ts',
    'return this.#elsewhere.get(member) ?? [];',
    'return this.#elsewhere.size > 1e6 ? (this.#elsewhere.get(member) ?? []) : [];',
  ),
  defect(
    'name-what-a-checkpoint-includes-as-the-line-met-first',
    1_001_353,
    replication('chains/line-ids.ts'),
    'if (point === undefined || !this.#chains.isForked(point.chain)) return id;',
    'if (point === undefined || this.#stretchOf(id.client) === undefined) return id;',
  ),
  defect(
    'wait-for-entries-of-a-longer-branch',
    1_001_111,
    'protocol/control-state.ts',
    'log === OWNER_LOG ? this.#astray :',
    'log === OWNER_LOG ? 0 :',
  ),
  defect(
    'serve-what-has-no-room',
    [3, 'fill-disk'],
    replication('sandbox-replica.ts'),
    'log.has(position) && log.isInFile(position) ?',
    'log.has(position) ?',
  ),
  defect(
    'build-from-the-file-alone',
    [7, 'fill-disk'],
    replication('open-replica.ts'),
    '(opened.log as AppendLog).readHere(position)',
    '(opened.log as AppendLog).read(position)',
  ),
];
