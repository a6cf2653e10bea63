/**
 * What rogues do. Some of it is within their rights (`rogue-edits.ts`): then the control log decides what becomes of it.
 * The rest no honest daemon may ever accept; it is made on a chain and a copy of its own, so that nothing else stands on it.
 */

import * as encoding from 'lib0/encoding';
import * as Y from 'yjs';
import { signerFromSeed } from '#node/security/crypto.ts';
import { type ControlEntry, controlSignerFromSeed, hashControlEntry } from '#protocol/control-entry.ts';
import { EnvelopeKind, SHORT_HASH_BYTES } from '#protocol/envelope.ts';
import { toHex } from '#shared/bytes.ts';
import { clientIdOf } from '#shared/documents/client-id.ts';
import { encodeRegisterWrites } from '#shared/documents/register-table.ts';
import type { SandboxId } from '#shared/ids.ts';
import { DELEGATE_CRIMES } from './delegate-crimes.ts';
import type { Draft, ForgedChain } from './forgery.ts';
import { DRAFTS, RECORDS } from './honest-edits.ts';
import { placeOf } from './law.ts';
import type { Random } from './random.ts';
import type { Known } from './registry.ts';
import type { Rogue } from './rogue.ts';
import {
  type Deed,
  deedOf,
  equivocate,
  goOnWithBranch,
  pickPosition,
  spoilRecords,
  writeLegally,
  writeOutOfOrder,
} from './rogue-edits.ts';
import type { World } from './world.ts';

/** Why an envelope may not count whose author's role does not permit it, under the control log as the author has it. */
export const BEYOND_ROLE = 'its role forbids it';

type Crime = (deed: Deed) => void | Promise<void>;

/** Commits something. */
export function commitCrime(
  world: World,
  rogue: Rogue,
  random: Random,
  serial: number,
  kind: 'within its rights' | 'to records' | 'anything' = 'anything',
): void {
  const deed = deedOf(world, rogue, random, serial);
  if (deed === undefined) return;
  const crime = kind === 'anything' ? pickCrime(deed) : kind === 'to records' ? spoilRecords : writeLegally;
  world.trace(`${rogue.name} commits ${crime.name}`);
  Promise.resolve(crime(deed)).catch((error: unknown) => world.fail('no crash', `${crime.name}: ${String(error)}`));
}

function pickCrime(deed: Deed): Crime {
  const { random, rogue, world } = deed;
  if (rogue.controlSigner !== undefined && random.chance(0.5)) return random.pick(DELEGATE_CRIMES);
  if (random.chance(0.5)) return writeLegally;
  // Each has a speciality, so that in some run everything happens often.
  return random.chance(0.4) ? world.random.fork(`speciality of ${rogue.name}`).pick(CRIMES) : random.pick(CRIMES);
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
  // As its envelope will say it: a delegate may have made it what it is.
  const position = rogue.underworld.position(control);
  const closed = all.filter((document) => !law.mightWriteAt(member, position, document));
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

/** As a client that writes in this document already, or as one of the victim's that nobody has seen yet. */
function writeAsAnotherClient(deed: Deed): void {
  const { world, rogue, random, law } = deed;
  const victim = random.pick(world.daemons).replica;
  const control = pickPosition(deed, 'debug', 1);
  if (victim === undefined || control === undefined) return;
  const doc = rogue.underworld.documentUpTo('debug', law.length);
  doc.clientID = random.chance(0.5) ? victim.clientId : clientIdOf(victim.self, random.below(2 ** 32));
  const clock = Y.getState(doc.store, doc.clientID);
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
