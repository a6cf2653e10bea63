/** What must hold once faults have ended: agreement, nothing promised lost, nothing unlawful in, no honest text gone. */

import { crc32 } from 'node:zlib';
import * as Y from 'yjs';
import type { SandboxReplica } from '#node/network/replication/sandbox-replica.ts';
import { chainKey } from '#protocol/envelope.ts';
import { toHex } from '#shared/bytes.ts';
import { classifyDocument, type DocumentName } from '#shared/documents/document-name.ts';
import { readUpdate } from '#shared/documents/update-reader.ts';
import { canonicalContent } from './content.ts';
import { BEYOND_ROLE } from './crimes.ts';
import type { Daemon, OwnWrite } from './daemon.ts';
import { deletedBy } from './declared-lines.ts';
import { DRAFTS, RECORDS } from './honest-edits.ts';
import { type Act, type Entry, Law, placeOf, readEntry } from './law.ts';
import type { Known } from './registry.ts';
import type { World } from './world.ts';

/** An envelope of some chain. */
interface Place {
  readonly chain: string;
  readonly seq: number;
}

/** Why the honest daemons that are members do not agree yet; undefined when they do. */
export function agreement(world: World): string | undefined {
  const { owner } = world;
  const members = citizens(world);
  const absent = [owner, ...members].find(({ replica }) => replica === undefined);
  if (absent !== undefined) return `${absent.name} does not run`;
  // They may well agree about a fork that nobody was there to settle: what lies above it waits, and is not lost.
  if (owner.replica?.controlLog.state.forks.some(({ log }) => log === 0)) return "the owner's log is still forked";
  return disagreementOn(members, standing) ?? disagreementOn(members, (replica) => contentText(world, replica));
}

function disagreementOn(members: readonly Daemon[], view: (replica: SandboxReplica) => string): string | undefined {
  let expected: string | undefined;
  for (const { name, replica } of members) {
    const text = replica === undefined ? '' : view(replica);
    expected ??= text;
    if (text !== expected) return `${name} has ${text}, ${members[0]?.name} has ${expected}`;
  }
  return undefined;
}

/** What was accepted, and under which control log. */
function standing(replica: SandboxReplica): string {
  const heads = replica.chains.heads();
  const lines = heads.map((head) => `${head.member}/${head.incarnation}:${head.seq}:${toHex(head.hash).slice(0, 8)}`);
  const { position, members } = replica.controlLog.state;
  const roles = [...members.keys()].map((member) => `${member}:${replica.controlLog.state.roleNow(member)}`);
  const control = `${crc32([...replica.controlEntries()].sort().join()).toString(16)} ${position.join()} ${roles.join()}`;
  return `${control} ${lines.sort().join(' ')}`;
}

function contentText(world: World, replica: SandboxReplica): string {
  const contents = canonicalContent(replica, documentNames(world));
  return [...contents].map(([name, text]) => `${name} ${text}`).join('\n');
}

/** Judges a world in which everybody agrees. */
export async function checkInvariants(world: World): Promise<void> {
  const replica = world.owner.replica as SandboxReplica;
  const law = new Law(replica.controlEntries().filter((entry) => world.signedEntries.has(entry)));
  const lines = acceptedLines(world, replica);
  // Lines of a forked chain have their beginning in common.
  const accepted = [...new Set(lines.flat())];
  const final = includedActs(world, replica);
  law.observe(
    accepted.map(({ envelope }) => envelope.header),
    (act) => final.has(act),
  );
  checkControl(world, law, replica);
  checkAcknowledged(world, replica);
  const admitted = replica.controlEntries().map(readEntry);
  for (const known of accepted) checkLawful(world, law, known, admitted);
  for (const name of DRAFTS) checkText(world, law, accepted, replica, name);
  for (const daemon of citizens(world)) checkOwnRecords(world, law, accepted, daemon);
  await checkReopened(world);
}

/** At any time a daemon takes its control logs to say what the law reads in them. */
export function checkPosition(world: World, name: string, replica: SandboxReplica): void {
  const law = new Law(replica.controlEntries().filter((entry) => world.signedEntries.has(entry)));
  const { position } = replica.controlLog.state;
  if (position.join() === law.position.join()) return;
  world.fail('authority', `${name} counts its control logs up to ${position} instead of ${law.position}`);
}

function acceptedLines(world: World, replica: SandboxReplica): Known[][] {
  try {
    return replica.chains.heads().map((head) => world.registry.chainTo(head.hash));
  } catch (error) {
    world.fail('authority', String(error));
    return [];
  }
}

/** What the checkpoint that the owner stands on includes: none is made any more once a chain is known to have forked. */
function includedActs(world: World, replica: SandboxReplica): Set<Act> {
  const acts = new Set<Act>();
  for (const chain of replica.chains.all()) {
    if (chain.parent !== undefined || chain.base === 0) continue;
    for (const { envelope } of world.registry.chainTo(chain.shortHash(chain.base))) acts.add(envelope.header);
  }
  return acts;
}

/** Honest daemons that are still members. */
function citizens(world: World): Daemon[] {
  const control = world.owner.replica?.control;
  return world.daemons.filter((daemon) => control?.memberByKey(daemon.publicKey)?.removed === false);
}

function documentNames(world: World): DocumentName[] {
  const names = new Set<string>(['debug', 'probes', ...DRAFTS]);
  for (const { envelope } of world.registry.all()) names.add(envelope.header.document);
  return [...names].filter((name): name is DocumentName => classifyDocument(name) !== undefined).sort();
}

/** Everybody who is somebody became so by an entry that was signed with authority, and has effect. */
function checkControl(world: World, law: Law, replica: SandboxReplica): void {
  for (const [i, entry] of replica.controlEntries().entries()) {
    // Where the owner's log forked, what a delegate says above the fork is kept unread.
    if (world.signedEntries.has(entry) || (law.contested && placeOf(entry).log !== 0)) continue;
    world.fail('authority', `nobody with authority signed control entry ${i + 1}`);
  }
  checkPosition(world, world.owner.name, replica);
  const { state } = replica.controlLog;
  const roll = law.roll();
  for (const member of state.members.keys()) {
    const expected = roll.get(member) ?? null;
    if (state.roleNow(member) === expected) continue;
    world.fail('authority', `member ${member} is ${state.roleNow(member)} instead of ${expected}`);
  }
}

function checkAcknowledged(world: World, replica: SandboxReplica): void {
  const held = new Map(replica.chains.heads().map((head) => [chainKey(head.member, head.incarnation), head.seq]));
  const members = new Set(citizens(world));
  for (const ack of world.acknowledged) {
    if ((held.get(ack.chain) ?? 0) >= ack.seq || !members.has(ack.daemon)) continue;
    // Its own disk was destroyed, and nobody who is heard had it.
    if (ack.holders !== undefined && ![...ack.holders].some((daemon) => members.has(daemon))) continue;
    world.fail('durability', `${ack.chain}:${ack.seq}, which ${ack.daemon.name} had acknowledged, is nowhere`);
  }
}

function checkLawful(world: World, law: Law, known: Known, admitted: readonly Entry[]): void {
  const { envelope, crime, maker } = known;
  const { member, incarnation, seq, control, document } = envelope.header;
  const name = `${member}/${incarnation}:${seq} by ${maker} in ${document}`;
  // Which role it was depends on the branch that counts.
  if (crime !== undefined && !(law.contested && crime === BEYOND_ROLE))
    world.fail('authority', `${name} was accepted, though ${crime}`);
  const grants = admitted.filter((entry) => entry.member === member && entry.key === keyOf(world, maker));
  if (isDisowned(world, law, known)) {
    if (!law.contested || grants.length === 0)
      world.fail('authority', `${name} was accepted, though nobody ever admitted its author`);
    return;
  }
  // On several branches, under one number: it may be of the time on another one than that which counts.
  if (law.contested && grants.length > 1) return;
  if (!law.mightWriteAt(member, control, document)) {
    world.fail('authority', `${name} was accepted, though its author was ${law.roleAt(member, control)}`);
  }
}

/** Whether it has its effect. */
function counts(world: World, law: Law, known: Known): boolean {
  return law.counts(known.envelope.header) && !isDisowned(world, law, known);
}

/** Its author was admitted where the owner's log forked, on the branch that was not chosen: others may have built on it. */
function isDisowned(world: World, law: Law, { envelope, maker }: Known): boolean {
  return law.disowns(envelope.header.member, keyOf(world, maker));
}

function keyOf(world: World, maker: string): string {
  const device = [...world.daemons, ...world.rogues].find(({ name }) => name === maker);
  return device === undefined ? '' : toHex(device.publicKey);
}

/** Text that counts is there, letter by letter, unless an envelope that counts deleted it; nothing else is. */
function checkText(
  world: World,
  law: Law,
  accepted: readonly Known[],
  replica: SandboxReplica,
  name: DocumentName,
): void {
  const expected = new Map<string, Known>();
  const deleted: Known[] = [];
  for (const known of accepted) {
    const { header, payload } = known.envelope;
    if (header.document !== name || !counts(world, law, known)) continue;
    const { client, structs, deletes } = readUpdate(payload);
    for (const { clock, length, content } of structs) {
      if (content === 'string') for (let i = 0; i < length; i++) expected.set(`${client}:${clock + i}`, known);
    }
    if (deletes.length > 0) deleted.push(known);
  }
  for (const known of deleted) {
    for (const [id, writer] of deletedBy(world.registry, known)) if (expected.get(id) === writer) expected.delete(id);
  }
  for (const id of visibleIds(replica.document(name))) {
    if (!expected.delete(id))
      world.fail('no unlawful text', `${name} shows ${id}, which no envelope that counts put there`);
  }
  for (const [id, { maker, envelope }] of expected) {
    const { member, incarnation, seq } = envelope.header;
    world.fail('no honest text lost', `${name} lacks ${id}, which ${maker} wrote in ${member}/${incarnation}:${seq}`);
  }
}

function visibleIds(doc: Y.Doc): string[] {
  const ids: string[] = [];
  for (let item = doc.getText('text')._start; item !== null; item = item.right) {
    if (item.deleted || !(item.content instanceof Y.ContentString)) continue;
    for (let i = 0; i < item.length; i++) ids.push(`${item.id.client}:${item.id.clock + i}`);
  }
  return ids;
}

/**
 * A record only one daemon writes is what it wrote last, unless somebody else's envelope that counts touched it. A home
 * that was set back writes without knowing what it had written since: of such two Yjs keeps the one of the higher
 * incarnation, and the daemon itself puts back the one of the later Lamport time once its document is made up anew
 * (`renewal.ts`). Either may stand; that the same one stands everywhere is what agreement asks.
 */
function checkOwnRecords(world: World, law: Law, accepted: readonly Known[], daemon: Daemon): void {
  const { replica } = daemon;
  if (replica === undefined || law.wasNarrowed(replica.self)) return;
  const records = replica.document('debug').getMap(RECORDS);
  const touched = new Set(accepted.flatMap((known) => (counts(world, law, known) ? known.touches : [])));
  const held = new Map(replica.chains.heads().map((head) => [chainKey(head.member, head.incarnation), head.seq]));
  const seen = knowledgeOf(accepted);
  const expected = new Map<string, OwnWrite[]>();
  for (const write of daemon.ownWrites) {
    const { key, pending } = write;
    if (pending.seq === 0 || (held.get(pending.chain) ?? 0) < pending.seq) continue;
    const before = (expected.get(key) ?? []).filter((other) => !seen(pending, other.pending));
    expected.set(key, [...before, write]);
  }
  for (const [key, writes] of expected) {
    const values = writes.map(({ value }) => value);
    if (touched.has(key) || values.some((value) => records.get(key) === value)) continue;
    world.fail('no honest record lost', `${key} is ${String(records.get(key))} instead of ${values.join(' or ')}`);
  }
}

/** Whether the author of one envelope had seen another when it wrote, by what its chain declares. */
function knowledgeOf(accepted: readonly Known[]): (by: Place, of: Place) => boolean {
  const declarations = new Map<string, { readonly at: number; readonly of: Place }[]>();
  for (const { envelope } of accepted) {
    const { member, incarnation, seq, deps } = envelope.header;
    const key = chainKey(member, incarnation);
    const known = declarations.get(key) ?? [];
    declarations.set(key, known);
    for (const dep of deps) known.push({ at: seq, of: { chain: chainKey(dep.member, dep.incarnation), seq: dep.seq } });
  }
  return (by, of) => {
    if (by.chain === of.chain) return by.seq >= of.seq;
    const known = declarations.get(by.chain) ?? [];
    return known.some((one) => one.at <= by.seq && one.of.chain === of.chain && one.of.seq >= of.seq);
  };
}

/** A document built anew from the disk is what it was while it lived. */
async function checkReopened(world: World): Promise<void> {
  const names = documentNames(world);
  const before = new Map<Daemon, ReadonlyMap<string, string>>();
  for (const daemon of citizens(world)) {
    if (daemon.replica === undefined) continue;
    before.set(daemon, canonicalContent(daemon.replica, names));
    world.network.drop(daemon);
  }
  world.network.close();
  const { scheduler } = world;
  for (const daemon of before.keys()) {
    daemon.stop().then(
      () => daemon.start(),
      (error: unknown) => world.fail('no crash', `${daemon.name} cannot stop: ${String(error)}`),
    );
  }
  const back = (): boolean =>
    world.problems.length > 0 || [...before.keys()].every((daemon) => daemon.replica !== undefined);
  // None of them has stopped yet when this begins.
  await scheduler.runUntil(scheduler.now + 1_000);
  if (!(await scheduler.runUntil(scheduler.now + 10_000, back)))
    return world.fail('liveness', 'somebody did not reopen');
  for (const [daemon, contents] of before) {
    if (daemon.replica === undefined) continue;
    for (const [name, text] of canonicalContent(daemon.replica, names)) {
      if (text === contents.get(name)) continue;
      world.fail('reopening', `${name} at ${daemon.name} was ${contents.get(name)} and is ${text} after a restart`);
    }
  }
}
