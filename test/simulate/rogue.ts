/**
 * Members with modified clients. A rogue speaks the protocol by hand with the key of a real member; all rogues share
 * one underworld: whatever one of them gets, makes or learns, every other passes on as if it were in order.
 */

import * as Y from 'yjs';
import { compressBody, decompressBody } from '#node/network/replication/peers/compression.ts';
import type { ReplicationLink } from '#node/network/replication/replica-interface.ts';
import { type ControlSigner, hashControlEntry } from '#protocol/control-entry.ts';
import type { LogTips } from '#protocol/control-log.ts';
import type { Signer } from '#protocol/crypto.ts';
import { chainKey, compareChains, type Dep, SHORT_HASH_BYTES } from '#protocol/envelope.ts';
import {
  decodeReplicationMessage,
  encodeReplicationMessage,
  type Head,
  type ReplicationMessage,
  type Want,
} from '#protocol/replication-messages.ts';
import type { MemberId } from '#shared/ids.ts';
import { ForgedChain } from './forgery.ts';
import { placeOf } from './law.ts';
import type { Endpoint } from './network.ts';
import type { Random } from './random.ts';
import type { Known } from './registry.ts';
import type { World } from './world.ts';

/** What all rogues know together. */
export class Underworld {
  readonly documents = new Map<string, Y.Doc>();
  /** Chain → its envelopes by seq - 1; the first of each slot. */
  readonly archive = new Map<string, Known[]>();
  /** In the order they became known. */
  readonly order: Known[] = [];
  control: readonly string[] = [];

  learnControl(entries: readonly string[]): void {
    const known = new Set(this.control);
    this.control = [...this.control, ...entries.filter((entry) => !known.has(entry))];
  }

  /** The position in all logs of somebody who has seen the owner's so far. */
  position(ownerSeq: number): number[] {
    const delegates = new Map<number, number>();
    for (const { log, seq, on } of this.control.map(placeOf)) {
      if (log !== 0 && on <= ownerSeq) delegates.set(log, Math.max(delegates.get(log) ?? 0, seq));
    }
    return [ownerSeq, ...[...delegates].sort(([x], [y]) => x - y).flat()];
  }

  /** Takes an envelope up; one that leaves a gap is forgotten. */
  learn(known: Known): void {
    const { header, payload } = known.envelope;
    const key = chainKey(header.member, header.incarnation);
    const chain = this.archive.get(key) ?? [];
    if (header.seq !== chain.length + 1) return;
    chain.push(known);
    this.archive.set(key, chain);
    this.order.push(known);
    if (header.kind === 0) Y.applyUpdate(this.document(header.document), payload, 'learnt');
  }

  document(name: string): Y.Doc {
    let doc = this.documents.get(name);
    if (doc === undefined) {
      doc = new Y.Doc();
      this.documents.set(name, doc);
    }
    return doc;
  }

  /** A document made of those envelopes only whose author stood at or below this control entry. */
  documentUpTo(name: string, control: number): Y.Doc {
    const doc = new Y.Doc();
    for (const { envelope } of this.order) {
      const { header, payload } = envelope;
      if (header.document !== name || header.kind !== 0 || (header.control[0] as number) > control) continue;
      Y.applyUpdate(doc, payload, 'learnt');
    }
    return doc;
  }

  /** Heads of all chains, as dependencies; those written above a control entry left out. */
  heads(control = Number.POSITIVE_INFINITY): Dep[] {
    const heads: Dep[] = [];
    for (const chain of this.archive.values()) {
      const last = chain.findLast(({ envelope }) => (envelope.header.control[0] as number) <= control);
      if (last === undefined) continue;
      const { member, incarnation, seq } = last.envelope.header;
      heads.push({ member, incarnation, seq, hash: last.envelope.hash.slice(0, SHORT_HASH_BYTES) });
    }
    return heads.sort(compareChains);
  }
}

interface Contact {
  readonly link: ReplicationLink;
  level: boolean;
}

export class Rogue implements Endpoint {
  readonly name: string;
  readonly signer: Signer;
  readonly underworld: Underworld;
  /** It never ends: rogues do not have to survive anything. */
  readonly process = {};
  readonly #world: World;
  readonly #contacts = new Set<Contact>();
  readonly #mainChains = new Map<MemberId, ForgedChain>();
  /** Second lines of chains it forked, each with the document as that line has it. */
  readonly branches: { readonly chain: ForgedChain; readonly document: string; readonly doc: Y.Doc }[] = [];

  constructor(world: World, name: string, signer: Signer, underworld: Underworld) {
    this.#world = world;
    this.name = name;
    this.signer = signer;
    this.underworld = underworld;
  }

  get publicKey(): Uint8Array {
    return this.signer.publicKey;
  }
  get member(): MemberId | undefined {
    return this.#world.memberOf(this.publicKey);
  }

  sends(): boolean {
    return true;
  }

  accept(link: ReplicationLink): void {
    const contact: Contact = { link, level: false };
    this.#contacts.add(contact);
    link.onClose(() => void this.#contacts.delete(contact));
    link.onMessage((message) => this.#hear(contact, message));
    this.#greet(contact);
  }

  /** Signs the control log that the owner lets it keep. */
  controlSigner: ControlSigner | undefined;
  /** What it put into that log, its own line only. */
  readonly ownLog: string[] = [];

  /** It answers no pull any more, whatever it announced. */
  silent = false;

  /** The chain it goes on with. */
  mainChain(member: MemberId, random: Random): ForgedChain {
    const chain = this.#mainChains.get(member) ?? this.newChain(member, random);
    this.#mainChains.set(member, chain);
    return chain;
  }

  /** As after a restart; under whatever member number. */
  newChain(member: MemberId, random: Random): ForgedChain {
    const { sandbox, crypto } = this.#world;
    const position = (owner: number): number[] => this.underworld.position(owner);
    return new ForgedChain({
      sandbox,
      member,
      incarnation: random.below(2 ** 32),
      signer: this.signer,
      crypto,
      position,
    });
  }

  /** Sends to everybody it has a level link to, or to whom `choose` picks. */
  spread(envelopes: readonly Known[], choose: () => boolean = () => true): void {
    for (const contact of [...this.#contacts]) {
      if (contact.level && choose())
        this.#say(contact, { type: 'envelopes', envelopes: envelopes.map((e) => e.bytes) });
    }
  }

  /** Says something to everybody it has a level link to. */
  sayToAll(message: ReplicationMessage): void {
    for (const contact of [...this.#contacts]) if (contact.level) this.#say(contact, message);
  }

  /** Passes an entry on to everybody, or to whom `choose` picks, and to all other rogues. */
  publish(entry: string, choose: () => boolean = () => true): void {
    this.underworld.learnControl([entry]);
    for (const contact of [...this.#contacts]) {
      if (contact.level && choose()) this.#say(contact, { type: 'control', entries: [entry] });
    }
  }

  keepLog(signer: ControlSigner): void {
    this.controlSigner = signer;
  }

  #greet(contact: Contact): void {
    const { sandbox, crypto } = this.#world;
    const tips = new Map<number, { readonly seq: number; readonly hash: string }>();
    for (const entry of this.underworld.control) {
      const { log, seq } = placeOf(entry);
      if (seq > (tips.get(log)?.seq ?? 0)) {
        tips.set(log, { seq, hash: hashControlEntry(entry, (bytes) => crypto.sha256(bytes)) });
      }
    }
    const logs = [...tips].sort(([a], [b]) => a - b).map(([log, tip]) => ({ log, tips: [tip] }));
    this.#say(contact, { type: 'hello', sandbox, logs });
  }

  #say({ link }: Contact, message: ReplicationMessage): void {
    link.send(encodeReplicationMessage(message, compressBody));
  }

  #hear(contact: Contact, bytes: Uint8Array): void {
    const message = decodeReplicationMessage(bytes, decompressBody);
    switch (message.type) {
      case 'hello':
      case 'needControl':
        return this.#meet(contact, message.logs, message.type === 'hello');
      case 'control':
        return this.underworld.learnControl(message.entries);
      case 'heads':
        return this.#fetch(contact, message.heads);
      case 'pull':
        return this.silent ? undefined : this.#serve(contact, message.wants);
      case 'envelopes':
        for (const envelope of message.envelopes) this.underworld.learn(this.#world.registry.add(envelope, 'somebody'));
        return;
      case 'served':
      case 'wantBlob':
      case 'blobOutline':
      case 'blobChunk':
      case 'pruned':
        // It keeps no blobs and asks for none.
        return;
      default:
        message satisfies never;
    }
  }

  #meet(contact: Contact, theirs: readonly LogTips[], hello: boolean): void {
    const reached = new Map(theirs.map(({ log, tips }) => [log, Math.max(0, ...tips.map(({ seq }) => seq))]));
    const entries = this.underworld.control.filter((entry) => {
      const { log, seq } = placeOf(entry);
      return seq > (reached.get(log) ?? 0);
    });
    if (entries.length > 0) this.#say(contact, { type: 'control', entries });
    if (!hello || contact.level) return;
    contact.level = true;
    this.#say(contact, { type: 'heads', full: true, heads: this.underworld.heads() });
  }

  #fetch(contact: Contact, heads: readonly Head[]): void {
    const wants: Want[] = [];
    for (const head of heads) {
      const last = this.underworld.archive.get(chainKey(head.member, head.incarnation))?.at(-1);
      if (head.seq <= (last?.envelope.header.seq ?? 0)) continue;
      const have = last === undefined ? [] : [{ seq: last.envelope.header.seq, hash: shortHash(last) }];
      wants.push({ ...head, have });
    }
    if (wants.length > 0) this.#say(contact, { type: 'pull', wants });
  }

  #serve(contact: Contact, wants: readonly Want[]): void {
    const wanted = this.underworld.order.filter(({ envelope: { header } }) =>
      wants.some(
        (want) =>
          want.member === header.member &&
          want.incarnation === header.incarnation &&
          header.seq <= want.seq &&
          header.seq > Math.max(0, ...want.have.map(({ seq }) => seq)),
      ),
    );
    if (wanted.length > 0) this.#say(contact, { type: 'envelopes', envelopes: wanted.map((known) => known.bytes) });
    this.#say(contact, { type: 'served' });
  }
}

function shortHash({ envelope }: Known): Uint8Array {
  return envelope.hash.slice(0, SHORT_HASH_BYTES);
}
