/**
 * What rogues write that is within their rights, or was when they say it was written, on their own chains; and how these
 * chains fork.
 */

import * as Y from 'yjs';
import { EnvelopeKind } from '#protocol/envelope.ts';
import type { MemberId } from '#shared/ids.ts';
import type { ForgedChain } from './forgery.ts';
import { DRAFTS, ownKey, RECORDS } from './honest-edits.ts';
import { Law } from './law.ts';
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

/** @returns undefined for whom no log that rogues know makes a member */
export function deedOf(world: World, rogue: Rogue, random: Random, serial: number): Deed | undefined {
  const { member, underworld } = rogue;
  if (member === undefined || underworld.control.length === 0) return undefined;
  return { world, rogue, member, random, serial, law: new Law(underworld.control) };
}

/** Something its role permits, at a time it chooses: after its removal that is a late edit. */
export function writeLegally(deed: Deed): void {
  const known = makeLegal(deed);
  if (known !== undefined) deed.rogue.spread([known], () => deed.random.chance(0.7));
}

/** The same, mostly over what others had written: they will write it again. */
export function spoilRecords(deed: Deed): void {
  const place = pickPlace(deed, ['debug']);
  const known = place === undefined ? undefined : makeLegal(deed, place);
  if (known !== undefined) deed.rogue.spread([known]);
}

/** Over one record of somebody's. */
export function spoilRecord(deed: Deed, key: string): void {
  const { rogue, member, random, serial, world } = deed;
  const chain = rogue.mainChain(member, random);
  const control = pickPosition(deed, 'debug', chain.control);
  if (control === undefined) return;
  const doc = rogue.underworld.documentUpTo('debug', control);
  const update = chain.update(doc, (live) => live.getMap(RECORDS).set(key, `#${serial}`));
  if (update === undefined) return;
  const deps = rogue.underworld.heads(control);
  const bytes = chain.seal({ document: 'debug', control, kind: EnvelopeKind.update, deps, ...update });
  const known = world.registry.add(bytes, rogue.name, { touches: [key] });
  rogue.underworld.learn(known);
  rogue.spread([known]);
}

/** Three in a row, the last first; the first one may never come. */
export function writeOutOfOrder(deed: Deed): void {
  const { rogue, random, world } = deed;
  const made = [1, 2, 3].flatMap(() => makeLegal(deed) ?? []);
  for (const known of made.reverse()) {
    world.later(random.skewed(1, 3_000), `${rogue.name} sends a part`, () => rogue.spread([known]));
  }
}

/** Where it writes, by how often. */
const DOCUMENTS: readonly string[] = [...DRAFTS, 'debug', 'debug', 'probes'];

interface Place {
  readonly document: string;
  readonly chain: ForgedChain;
  readonly control: number;
}

function pickPlace(deed: Deed, documents: readonly string[] = DOCUMENTS): Place | undefined {
  const { rogue, random, member } = deed;
  const document = random.pick(documents);
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

/** Two envelopes in one slot: those near one rogue hear the one, those near the other the other. */
export function equivocateBetween(world: World, rogue: Rogue, other: Rogue, random: Random, serial: number): void {
  const deed = deedOf(world, rogue, random, serial);
  const [first, second] = (deed && forkChain(deed)) ?? [];
  if (first === undefined || second === undefined) return;
  other.spread([first]);
  rogue.spread([second]);
}

/** Some hear the one, some the other, some both. */
export function equivocate(deed: Deed): void {
  const { rogue, random, world } = deed;
  const [first, second] = forkChain(deed) ?? [];
  if (first === undefined || second === undefined) return;
  rogue.spread([first], () => random.chance(0.6));
  const tellOfSecond = (): void => rogue.spread([second], () => random.chance(0.6));
  // By then a checkpoint may include the first.
  if (random.chance(0.3))
    world.later(random.skewed(500, 15_000), `${rogue.name} shows what it kept back`, tellOfSecond);
  else tellOfSecond();
}

/** Two envelopes in one slot of its chain. */
function forkChain(deed: Deed): readonly [Known, Known] | undefined {
  const { rogue, random, member, world } = deed;
  const document = random.pick([...DRAFTS, 'debug']);
  const chain = rogue.mainChain(member, random);
  const control = pickPosition(deed, document, chain.control);
  if (control === undefined) return undefined;
  const doc = rogue.underworld.documentUpTo(document, control);
  const branch = { chain: chain.fork(), document, doc };
  const second = writeInBranch(deed, branch, control);
  const first = makeLegal(deed, { document, chain, control });
  if (first === undefined || second === undefined) return undefined;
  rogue.branches.push(branch);
  world.trace(`${rogue.name} forks its chain in ${document}`);
  return [first, second];
}

/** More on a second line: it has nothing to do with the first one any more. */
export function goOnWithBranch(deed: Deed): void {
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
export function pickPosition({ law, member, random }: Deed, document: string, from: number): number | undefined {
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
