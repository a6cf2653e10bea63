/**
 * What rogues do. Some of it is within their rights, or was when they say it was written: then the control log decides
 * what becomes of it. The rest no honest daemon may ever accept; it is made on a chain and a copy of its own, so that
 * nothing else stands on it.
 */

import * as encoding from 'lib0/encoding';
import * as Y from 'yjs';
import { signerFromSeed } from '#node/security/crypto.ts';
import { type ControlEntry, controlSignerFromSeed, hashControlEntry } from '#protocol/control-entry.ts';
import { EnvelopeKind, SHORT_HASH_BYTES } from '#protocol/envelope.ts';
import { toHex } from '#shared/bytes.ts';
import { encodeRegisterWrites } from '#shared/documents/register-table.ts';
import type { MemberId, SandboxId } from '#shared/ids.ts';
import { DELEGATE_CRIMES } from './delegate-crimes.ts';
import type { Draft, ForgedChain } from './forgery.ts';
import { DRAFTS, ownKey, RECORDS } from './honest-edits.ts';
import { Law, placeOf } from './law.ts';
import type { Random } from './random.ts';
import type { Known } from './registry.ts';
import type { Rogue } from './rogue.ts';
import type { World } from './world.ts';

/** One act of a rogue: who, with what luck, and how manieth in the run. */
export interface Deed {
  readonly world: World;
  readonly rogue: Rogue;
  readonly member: MemberId;
  readonly random: Random;
  readonly serial: number;
  readonly law: Law;
}

/** Why an envelope may not count whose author's role does not permit it, under the control log as the author has it. */
export const BEYOND_ROLE = 'its role forbids it';

type Crime = (deed: Deed) => void | Promise<void>;

/** Commits something. */
export function commitCrime(
  world: World,
  rogue: Rogue,
  random: Random,
  serial: number,
  kind: 'within its rights' | 'anything' = 'anything',
): void {
  const { member, underworld } = rogue;
  if (member === undefined || underworld.control.length === 0) return;
  const deed: Deed = { world, rogue, member, random, serial, law: new Law(underworld.control) };
  const crime = pickCrime(deed, kind === 'anything');
  world.trace(`${rogue.name} commits ${crime.name}`);
  Promise.resolve(crime(deed)).catch((error: unknown) => world.fail('no crash', `${crime.name}: ${String(error)}`));
}

function pickCrime(deed: Deed, anything: boolean): Crime {
  const { random, rogue } = deed;
  if (!anything) return writeLegally;
  if (rogue.controlSigner !== undefined && random.chance(0.5)) return random.pick(DELEGATE_CRIMES);
  return random.chance(0.5) ? writeLegally : random.pick(CRIMES);
}

/** The last it does: it promises everything and answers nothing, while others need what it says to have. */
export function lieForGood(world: World, rogue: Rogue, random: Random): void {
  rogue.silent = true;
  const heads = rogue.underworld
    .heads()
    .map((head) => ({ ...head, seq: head.seq + 3, hash: random.bytes(SHORT_HASH_BYTES) }));
  world.trace(`${rogue.name} lies for good`);
  if (heads.length > 0) rogue.sayToAll({ type: 'heads', full: false, heads });
}

const CRIMES: readonly Crime[] = [
  writeLegally,
  writeOutOfOrder,
  equivocate,
  equivocate,
  goOnWithBranch,
  writeBeyondRole,
  letControlFall,
  claimAnotherMember,
  writeAsAnotherClient,
  referToUndeclared,
  leaveClockGap,
  deleteTheFuture,
  breakTheChain,
  replayIntoAnotherSandbox,
  forgeControl,
  announceWhatIsNot,
  tamper,
];

/** Something its role permits, at a time it chooses: after its removal that is a late edit. */
function writeLegally(deed: Deed): void {
  const known = makeLegal(deed);
  if (known !== undefined) deed.rogue.spread([known], () => deed.random.chance(0.7));
}

/** Three in a row, the last first; the first one may never come. */
function writeOutOfOrder(deed: Deed): void {
  const { rogue, random, world } = deed;
  const made = [1, 2, 3].flatMap(() => makeLegal(deed) ?? []);
  for (const known of made.reverse()) {
    world.later(random.skewed(1, 3_000), `${rogue.name} sends a part`, () => rogue.spread([known]));
  }
}

interface Place {
  readonly document: string;
  readonly chain: ForgedChain;
  readonly control: number;
}

function pickPlace(deed: Deed): Place | undefined {
  const { rogue, random, member } = deed;
  const document = random.pick([...DRAFTS, 'debug', 'debug', 'probes']);
  const chain = random.chance(0.15) ? rogue.newChain(member, random) : rogue.mainChain(member, random);
  const control = pickPosition(deed, document, chain.control);
  return control === undefined ? undefined : { document, chain, control };
}

function makeLegal(deed: Deed, place = pickPlace(deed)): Known | undefined {
  if (place === undefined) return undefined;
  const { rogue, random, world, serial } = deed;
  const { document, chain, control } = place;
  const touches: string[] = [];
  const doc = rogue.underworld.documentUpTo(document, control);
  const update = chain.update(doc, (live) => {
    if (document.startsWith('draft/')) scribble(live.getText('text'), random, `#${rogue.name}:${serial}#`);
    else touches.push(...vandalise(live.getMap(RECORDS), random, world, `#${serial}`));
  });
  if (update === undefined) return undefined;
  const deps = rogue.underworld.heads(control);
  const bytes = chain.seal({ document, control, kind: EnvelopeKind.update, deps, ...update });
  const known = world.registry.add(bytes, rogue.name, { touches });
  rogue.underworld.learn(known);
  return known;
}

/** Two envelopes in one slot: some hear the one, some the other, some both. */
function equivocate(deed: Deed): void {
  const { rogue, random, world, member } = deed;
  const document = random.pick([...DRAFTS, 'debug']);
  const chain = rogue.mainChain(member, random);
  const control = pickPosition(deed, document, chain.control);
  if (control === undefined) return;
  const doc = rogue.underworld.documentUpTo(document, control);
  const branch = { chain: chain.fork(), document, doc };
  const second = writeInBranch(deed, branch, control);
  const first = makeLegal(deed, { document, chain, control });
  if (first === undefined || second === undefined) return;
  rogue.branches.push(branch);
  rogue.spread([first], () => random.chance(0.6));
  rogue.spread([second], () => random.chance(0.6));
  world.trace(`${rogue.name} forks its chain in ${document}`);
}

/** More on a second line: it has nothing to do with the first one any more. */
function goOnWithBranch(deed: Deed): void {
  const { rogue, random } = deed;
  if (rogue.branches.length === 0) return;
  const branch = random.pick(rogue.branches);
  const known = writeInBranch(deed, branch, branch.chain.control);
  if (known !== undefined) rogue.spread([known], () => random.chance(0.6));
}

function writeInBranch(deed: Deed, branch: Rogue['branches'][number], control: number): Known | undefined {
  const { rogue, random, world, serial } = deed;
  const { chain, document, doc } = branch;
  const touches: string[] = [];
  const update = chain.update(doc, (live) => {
    if (document === 'debug') touches.push(...vandalise(live.getMap(RECORDS), random, world, `~${serial}`));
    else scribble(live.getText('text'), random, `~${rogue.name}:${serial}~`);
  });
  if (update === undefined) return undefined;
  const deps = rogue.underworld.heads(control);
  const bytes = chain.seal({ document, control, kind: EnvelopeKind.update, deps, ...update });
  return world.registry.add(bytes, rogue.name, { touches });
}

/** A control position at which the document was open to the rogue; mostly the latest. */
function pickPosition({ law, member, random }: Deed, document: string, from: number): number | undefined {
  const open: number[] = [];
  for (let seq = Math.max(1, from); seq <= law.length; seq++) if (law.mayWriteAt(member, seq, document)) open.push(seq);
  if (open.length === 0) return undefined;
  return random.chance(0.6) ? open.at(-1) : random.pick(open);
}

function scribble(text: Y.Text, random: Random, token: string): void {
  if (text.length > 4 && random.chance(0.3)) text.delete(random.below(text.length - 3), 1 + random.below(3));
  else text.insert(random.below(text.length + 1), token);
}

/** @returns keys of others' records that it touched */
function vandalise(map: Y.Map<unknown>, random: Random, world: World, mark: string): string[] {
  const daemon = random.pick(world.daemons);
  const key = random.chance(0.6) ? ownKey(daemon, random) : `k${random.below(4)}`;
  if (!key.startsWith('k')) world.spoilt.push({ daemon, key });
  const value = map.get(key);
  if (random.chance(0.2)) map.delete(key);
  else if (value instanceof Y.Map && random.chance(0.5)) value.set('f0', mark);
  else if (random.chance(0.3)) map.set(key, new Y.Map([['made', mark]]));
  else map.set(key, mark);
  return [key];
}

/** Seals on a chain of its own what no honest daemon may accept. */
function sealCrime(
  deed: Deed,
  crime: string,
  draft: Draft,
  options: { chain?: ForgedChain; override?: Parameters<ForgedChain['seal']>[1] } = {},
): Known {
  const chain = options.chain ?? deed.rogue.newChain(deed.member, deed.random);
  return deed.world.registry.add(chain.seal(draft, options.override), deed.rogue.name, { crime });
}

/** A plain write into `document` on a fresh chain, and the chain. */
function plainDraft(deed: Deed, document: string, control: number): { chain: ForgedChain; draft: Draft } {
  const { rogue, random, member, serial } = deed;
  const chain = rogue.newChain(member, random);
  const common = { document, control, deps: [] };
  if (/^(notes|host)\//.test(document)) {
    const payload = encodeRegisterWrites([['chat/0', `!${serial}`]]);
    return { chain, draft: { ...common, kind: EnvelopeKind.registers, clock: 0, payload } };
  }
  const update = chain.update(new Y.Doc(), (doc) => {
    if (document.startsWith('draft/')) doc.getText('text').insert(0, `!${rogue.name}:${serial}!`);
    else doc.getMap(RECORDS).set(`k${random.below(4)}`, `!${serial}`);
  });
  return { chain, draft: { ...common, kind: EnvelopeKind.update, clock: 0, payload: new Uint8Array(0), ...update } };
}

function writeBeyondRole(deed: Deed): void {
  const { random, law, rogue, member } = deed;
  const all = [...DRAFTS, 'debug', 'probes', 'experiments', 'notes/1', 'host/1', `notes/${member}`, 'state/1/cart'];
  const control = random.chance(0.7) ? law.length : 1 + random.below(law.length);
  const closed = all.filter((document) => !law.mayWriteAt(member, control, document));
  if (closed.length === 0) return;
  const { chain, draft } = plainDraft(deed, random.pick(closed), control);
  rogue.spread([sealCrime(deed, BEYOND_ROLE, draft, { chain })]);
}

function letControlFall(deed: Deed): void {
  const { law, member, rogue, world } = deed;
  const open: number[] = [];
  for (let seq = 1; seq <= law.length; seq++) if (law.mayWriteAt(member, seq, 'debug')) open.push(seq);
  const [low, high] = [open.at(0), open.at(-1)];
  if (low === undefined || high === undefined || low === high) return;
  const { chain, draft } = plainDraft(deed, 'debug', high);
  const first = world.registry.add(chain.seal(draft), rogue.name);
  rogue.underworld.learn(first);
  const update = chain.update(rogue.underworld.documentUpTo('debug', high), (doc) => {
    doc.getMap(RECORDS).set('fallen', `!${deed.serial}`);
  });
  if (update === undefined) return;
  const second = sealCrime(deed, 'its control position falls', { ...draft, ...update, control: low }, { chain });
  rogue.spread([first, second]);
}

function claimAnotherMember(deed: Deed): void {
  const { world, rogue, random, law } = deed;
  const victim = random.pick(world.daemons).member;
  if (victim === undefined || victim === deed.member || !law.mayWriteAt(victim, law.length, 'debug')) return;
  const chain = rogue.newChain(victim, random);
  const update = chain.update(new Y.Doc(), (doc) => doc.getMap(RECORDS).set('k0', '!stolen'));
  if (update === undefined) return;
  const draft = { document: 'debug', control: law.length, kind: EnvelopeKind.update, deps: [], ...update };
  rogue.spread([sealCrime(deed, 'another member is named as its author', draft, { chain })]);
}

function writeAsAnotherClient(deed: Deed): void {
  const { world, rogue, random, law } = deed;
  const victim = random.pick(world.daemons).replica;
  const control = pickPosition(deed, 'debug', 1);
  if (victim === undefined || control === undefined) return;
  const doc = rogue.underworld.documentUpTo('debug', law.length);
  doc.clientID = victim.clientId;
  const clock = Y.getState(doc.store, victim.clientId);
  const before = Y.encodeStateVector(doc);
  doc.getMap(RECORDS).set('k0', '!as another');
  const payload = Y.encodeStateAsUpdate(doc, before);
  const draft = { document: 'debug', control, kind: EnvelopeKind.update, clock, payload };
  rogue.spread([sealCrime(deed, "it writes as another's client", { ...draft, deps: rogue.underworld.heads(control) })]);
}

function referToUndeclared(deed: Deed): void {
  const { rogue, random, member } = deed;
  const document = random.pick(DRAFTS);
  const control = pickPosition(deed, document, 1);
  if (control === undefined) return;
  const doc = rogue.underworld.documentUpTo(document, control);
  const text = doc.getText('text');
  if (text.length < 2) return;
  const chain = rogue.newChain(member, random);
  const update = chain.update(doc, () => text.insert(1, '!undeclared!'));
  if (update === undefined) return;
  const draft = { document, control, kind: EnvelopeKind.update, deps: [], ...update };
  rogue.spread([sealCrime(deed, 'it refers to what it had not declared', draft, { chain })]);
}

function leaveClockGap(deed: Deed): void {
  const { rogue, random, member } = deed;
  const control = pickPosition(deed, 'debug', 1);
  if (control === undefined) return;
  const chain = rogue.newChain(member, random);
  const doc = new Y.Doc();
  chain.update(doc, () => doc.getMap(RECORDS).set('k1', '!skipped'));
  const update = chain.update(doc, () => doc.getMap(RECORDS).set('k2', '!after a gap'));
  if (update === undefined) return;
  const draft = { document: 'debug', control, kind: EnvelopeKind.update, deps: [], ...update };
  rogue.spread([sealCrime(deed, 'its clock leaves a gap', draft, { chain })]);
}

/** Deletes clocks that their author has not written yet. */
function deleteTheFuture(deed: Deed): void {
  const { world, rogue, random } = deed;
  const victim = random.pick(world.daemons).replica;
  const document = random.pick(DRAFTS);
  const control = pickPosition(deed, document, 1);
  if (victim === undefined || control === undefined) return;
  const clock = Y.getState(rogue.underworld.document(document).store, victim.clientId);
  const encoder = encoding.createEncoder();
  for (const number of [0, 1, victim.clientId, 1, clock + 50, 200]) encoding.writeVarUint(encoder, number);
  const payload = encoding.toUint8Array(encoder);
  const draft = { document, control, kind: EnvelopeKind.update, clock: 0, payload };
  const crime = 'it deletes what is not written yet';
  rogue.spread([sealCrime(deed, crime, { ...draft, deps: rogue.underworld.heads(control) })]);
}

function breakTheChain(deed: Deed): void {
  const control = pickPosition(deed, 'debug', 1);
  if (control === undefined) return;
  const { chain, draft } = plainDraft(deed, 'debug', control);
  const override = { seq: 2, previous: deed.random.bytes(32) };
  deed.rogue.spread([sealCrime(deed, 'it follows nothing', draft, { chain, override })]);
}

function replayIntoAnotherSandbox(deed: Deed): void {
  const control = pickPosition(deed, 'debug', 1);
  if (control === undefined) return;
  const { chain, draft } = plainDraft(deed, 'debug', control);
  const override = { sandbox: 'ab'.repeat(20) as SandboxId };
  deed.rogue.spread([sealCrime(deed, 'it belongs to another sandbox', draft, { chain, override })]);
}

/** An entry that makes the rogue an owner, or gives it the control key, signed by whatever key it has. */
async function forgeControl({ world, rogue, member, random }: Deed): Promise<void> {
  const control = rogue.underworld.control.filter((entry) => placeOf(entry).log === 0);
  const seed = random.bytes(32);
  const signer = await controlSignerFromSeed(seed, signerFromSeed(seed).publicKey);
  const previous = hashControlEntry(control.at(-1) ?? '', (bytes) => world.crypto.sha256(bytes));
  const own = toHex(signer.publicKey);
  const place = { v: 1, sandbox: world.sandbox, log: 0, seq: control.length + 1, previous, at: 0 } as const;
  const entry: ControlEntry = random.chance(0.5)
    ? { ...place, type: 'role', member, role: 'owner', frontier: [] }
    : { ...place, type: 'rotate', recoveryKey: own, ownerKey: own, nextRecoveryHash: own };
  const text = await signer.sign(entry);
  rogue.sayToAll({ type: 'control', entries: [text] });
}

/** Whoever asks for it waits. */
function announceWhatIsNot({ rogue, random }: Deed): void {
  rogue.silent = random.chance(0.5);
  const heads = rogue.underworld
    .heads()
    .map((head) => ({ ...head, seq: head.seq + 1 + random.below(5), hash: random.bytes(SHORT_HASH_BYTES) }));
  if (heads.length > 0) rogue.sayToAll({ type: 'heads', full: false, heads });
}

/** A bit of somebody's envelope flipped on the way. */
function tamper({ rogue, random }: Deed): void {
  const { order } = rogue.underworld;
  if (order.length === 0) return;
  const bytes = random.pick(order).bytes.slice();
  const at = random.below(bytes.length);
  bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
  rogue.sayToAll({ type: 'envelopes', envelopes: [bytes] });
}
