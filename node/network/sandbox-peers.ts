/**
 * The peers of one sandbox: a slot per member, sessions handed to the replica, calls let through once the replica says
 * that the peer is a level member. A key that our control log does not know may be a member we have not heard of yet:
 * it gets a few seconds to prove that to the replica, and nothing else.
 */

import type { LinkPeer } from '#protocol/link.ts';
import type { CallMessage, CastMessage } from '#protocol/messages.ts';
import type { Broadcast } from '#protocol/topics.ts';
import { equalBytes, parseHex, toHex } from '#shared/bytes.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId, SandboxId } from '#shared/ids.ts';
import type { AddressBook } from './address-book.ts';
import { addressToBytes, isLoopback, MAX_ADDRESSES } from './addresses.ts';
import type { PeerHost } from './peer-host.ts';
import { PeerSlot } from './peer-slot.ts';
import type { Hello, KnownPeers, PeerStream } from './peer-stream.ts';
import type { MemberRecord, Replica } from './replication/replica-interface.ts';
import type { Timers } from './timers.ts';
import { toldError } from './told-error.ts';

/** Time for an unknown key to show by the control log that it is a member. */
const PROBATION_MS = 10_000;
const MAX_ON_PROBATION = 8;
/** Of another member in a link. */
const MAX_LINK_ADDRESSES = 2;
/** A call may overtake our own view of who is level by a moment. */
const LEVEL_PATIENCE_MS = 3000;
/** Between hearing where others are and dialing them: a newcomer is just about to receive all there is from who told it. */
const HEARSAY_PAUSE_MS = 100;
/** Then a conversation is cut and both sides prove their keys anew. */
const SESSION_LIFETIME_MS = 12 * 3600_000;

/** One live conversation with a member; wall-clock milliseconds. */
export interface PeerSessionRecord {
  readonly member: MemberId;
  readonly openedAt: number;
  readonly lastSeenAt: number;
  readonly expiresAt: number;
  /** Multiaddr of its end. */
  readonly address: string;
}

interface LiveSession {
  readonly stream: PeerStream;
  readonly openedAt: number;
  readonly cancelExpiry: () => void;
}

export interface SandboxPeersOptions {
  readonly selfKey: Uint8Array;
  readonly replica: Replica;
  readonly host: PeerHost;
  readonly book: AddressBook;
  readonly timers: Timers;
  readonly onCall: (member: MemberId, call: CallMessage, signal: AbortSignal) => Promise<unknown>;
  readonly onCast: (member: MemberId, cast: CastMessage) => void;
  readonly onBroadcast: (member: MemberId, broadcast: Broadcast) => void;
  readonly onPeer: (member: MemberId, connected: boolean) => void;
}

export class SandboxPeers {
  readonly #options: SandboxPeersOptions;
  readonly #slots = new Map<string, PeerSlot>();
  readonly #level = new Map<MemberId, LiveSession>();
  readonly #off: (() => void)[] = [];

  constructor(options: SandboxPeersOptions) {
    this.#options = options;
    const { events } = options.replica;
    this.#off.push(
      events.on('control', () => this.#followControl()),
      events.on('peer', ({ member, connected }) => this.#setLevel(member, connected)),
    );
  }

  get sandbox(): SandboxId {
    return this.#options.replica.sandbox;
  }

  start(): void {
    this.#followControl();
  }

  stop(reason: string): void {
    for (const off of this.#off) off();
    for (const { cancelExpiry } of this.#level.values()) cancelExpiry();
    for (const slot of this.#slots.values()) slot.stop(reason);
    this.#slots.clear();
    this.#options.book.flush();
  }

  /** The network is another one: dials whoever is missing, now, however often that failed before. */
  wake(): void {
    for (const slot of this.#slots.values()) slot.startOver();
  }

  connected(): MemberId[] {
    return [...this.#level.keys()];
  }

  stream(member: MemberId): PeerStream | undefined {
    return this.#level.get(member)?.stream;
  }

  sessions(): PeerSessionRecord[] {
    return [...this.#level].map(([member, { stream, openedAt }]) => ({
      member,
      openedAt,
      lastSeenAt: Date.now() - Math.round(this.#options.timers.now() - stream.heardAt),
      expiresAt: openedAt + SESSION_LIFETIME_MS,
      address: stream.connection.remoteAddr.toString(),
    }));
  }

  /** Connected members that somebody else could reach, for a link. @param loopback those on this machine too */
  linkPeers(loopback: boolean): LinkPeer[] {
    const { book, replica } = this.#options;
    return this.connected().flatMap((member) => {
      const key = replica.control.members.get(member)?.deviceKey;
      if (key === undefined) return [];
      const usable = book.get(toHex(key)).filter((address) => loopback || !isLoopback(address));
      return usable.length === 0 ? [] : [{ key, addresses: usable.slice(0, MAX_LINK_ADDRESSES).map(addressToBytes) }];
    });
  }

  /** Whether this key may hold a connection for this sandbox's sake. */
  knows(peerKey: Uint8Array): boolean {
    return this.#member(peerKey) !== undefined;
  }

  /** Addresses learned with the link, or from whoever admitted us. */
  learn(peerKey: Uint8Array, addresses: readonly string[]): void {
    const key = toHex(peerKey);
    if (this.#options.book.set(key, addresses)) this.#slots.get(key)?.wake();
  }

  /** Addresses that somebody else says of a member who is not connected: tried first, what was known stays. */
  suggest(peerKey: Uint8Array, addresses: readonly string[]): void {
    if (this.#note(peerKey, addresses)) this.#slots.get(toHex(peerKey))?.wake();
  }

  /** @returns whether that is news of somebody who is not connected */
  #note(peerKey: Uint8Array, addresses: readonly string[]): boolean {
    const { book, selfKey } = this.#options;
    const key = toHex(peerKey);
    // First-hand knowledge stays: whoever is connected has told its addresses itself.
    if (this.#slots.get(key)?.current !== undefined || equalBytes(peerKey, selfKey)) return false;
    return book.set(key, [...addresses, ...book.get(key)].slice(0, MAX_ADDRESSES));
  }

  /** A stream on which the peer said hello for this sandbox. */
  offer(session: PeerStream, hello: Hello): void {
    const key = toHex(session.peerKey);
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      const strangers = [...this.#slots.values()].filter((known) => !this.knows(known.peerKey)).length;
      if (strangers >= MAX_ON_PROBATION) return session.cut('too many strangers');
      slot = this.#openSlot(session.peerKey);
    }
    slot.offer(session, hello);
  }

  /** Whoever was removed dials nobody any more. */
  #isMember(): boolean {
    const { replica } = this.#options;
    return replica.control.members.get(replica.self)?.removed === false;
  }

  #member(peerKey: Uint8Array): MemberRecord | undefined {
    const record = this.#options.replica.control.memberByKey(peerKey);
    return record === undefined || record.removed ? undefined : record;
  }

  #followControl(): void {
    const { replica, selfKey } = this.#options;
    for (const record of replica.control.members.values()) {
      if (record.id === replica.self || equalBytes(record.deviceKey, selfKey)) continue;
      const key = toHex(record.deviceKey);
      if (record.removed && this.#member(record.deviceKey) === undefined) this.#drop(key, 'removed from the sandbox');
      else if (!record.removed && !this.#slots.has(key)) this.#openSlot(record.deviceKey).wake();
    }
  }

  #drop(key: string, reason: string): void {
    this.#slots.get(key)?.stop(reason);
    this.#slots.delete(key);
    this.#options.book.delete(key);
  }

  #openSlot(peerKey: Uint8Array): PeerSlot {
    const { host, timers, book, selfKey } = this.#options;
    const key = toHex(peerKey);
    const slot = new PeerSlot({
      peerKey,
      selfWins: toHex(selfKey) < key,
      host,
      timers,
      hello: () => ({ sandbox: this.sandbox, addresses: host.addresses() }),
      addresses: () => (this.knows(peerKey) && this.#isMember() ? book.get(key) : []),
      onSession: (session, hello) => this.#adopt(session, hello),
      onLost: (session) => this.#lost(key, session),
    });
    this.#slots.set(key, slot);
    return slot;
  }

  #adopt(session: PeerStream, hello: Hello): void {
    const { replica, timers } = this.#options;
    session.adopt({
      onCall: (call, signal) =>
        this.#serve(session, call, signal).catch((error: unknown) => {
          throw toldError(error);
        }),
      onCast: (cast) => {
        const member = this.#levelMember(session);
        // A cast asks for no answer: one that comes too early is lost like any on a bad line.
        if (member !== undefined) this.#options.onCast(member, { ...cast, sandbox: this.sandbox });
      },
      onBroadcast: (broadcast) => {
        const member = this.#levelMember(session);
        if (member !== undefined && broadcast.metadata.sandbox === this.sandbox) {
          this.#options.onBroadcast(member, broadcast);
        }
      },
      onPeers: (peers) => this.#learnPeers(session, peers),
    });
    if (!this.knows(session.peerKey)) {
      timers.after(PROBATION_MS, () => {
        if (!session.level) session.cut('it did not prove to be a member');
      });
    }
    this.#noteAddresses(session, hello);
    replica.connect(session.link());
  }

  #setLevel(member: MemberId, connected: boolean): void {
    const record = this.#options.replica.control.members.get(member);
    if (record === undefined) return;
    const slot = this.#slots.get(toHex(record.deviceKey));
    const session = slot?.current;
    if (!connected || session === undefined || record.removed) return this.#unlevel(member);
    if (this.#level.get(member)?.stream === session) return;
    this.#unlevel(member);
    session.level = true;
    slot?.settled();
    const cancelExpiry = this.#options.timers.after(SESSION_LIFETIME_MS, () => session.cut('the session expired'));
    this.#level.set(member, { stream: session, openedAt: Date.now(), cancelExpiry });
    this.#options.onPeer(member, true);
    this.#introduce(session);
  }

  #unlevel(member: MemberId): void {
    const live = this.#level.get(member);
    if (live === undefined) return;
    live.stream.level = false;
    live.cancelExpiry();
    this.#level.delete(member);
    this.#options.onPeer(member, false);
  }

  #lost(key: string, session: PeerStream): void {
    for (const [member, live] of this.#level) if (live.stream === session) this.#unlevel(member);
    const slot = this.#slots.get(key);
    if (slot !== undefined && !this.knows(slot.peerKey)) {
      slot.stop('not a member');
      this.#slots.delete(key);
    }
  }

  async #serve(session: PeerStream, call: CallMessage, signal: AbortSignal): Promise<unknown> {
    const member = this.#levelMember(session) ?? (await this.#levelSoon(session, signal));
    if (call.sandbox !== undefined && call.sandbox !== this.sandbox) {
      throw new SandboxError('SANDBOX_UNKNOWN', `Cannot run "${call.command}" on this stream for "${call.sandbox}"`);
    }
    return this.#options.onCall(member, { ...call, sandbox: this.sandbox }, signal);
  }

  #levelMember(session: PeerStream): MemberId | undefined {
    return session.level ? this.#member(session.peerKey)?.id : undefined;
  }

  /** Waits until the replica has judged the peer. @throws {SandboxError} FORBIDDEN when it does not */
  #levelSoon(session: PeerStream, signal: AbortSignal): Promise<MemberId> {
    return new Promise((resolve, reject) => {
      const { replica, timers } = this.#options;
      const settle = (member: MemberId | undefined): void => {
        off();
        cancel();
        signal.removeEventListener('abort', give);
        if (member !== undefined) resolve(member);
        else reject(new SandboxError('FORBIDDEN', 'Cannot serve a call: the caller is not a member known here'));
      };
      const give = (): void => settle(undefined);
      // After our own listener, which has set `level` by then.
      const off = replica.events.on('peer', () => {
        const member = this.#levelMember(session);
        if (member !== undefined) settle(member);
      });
      const cancel = timers.after(LEVEL_PATIENCE_MS, give);
      signal.addEventListener('abort', give, { once: true });
    });
  }

  /** What the peer says of itself, and what the connection shows. */
  #noteAddresses(session: PeerStream, hello: Hello): void {
    const remote = session.connection.remoteAddr.toString();
    const told = hello.addresses.filter((address) => isLoopback(remote) || !isLoopback(address));
    const seen = session.openedBySelf && session.connection.direction === 'outbound' ? [remote] : [];
    const key = toHex(session.peerKey);
    const known = this.#options.book.get(key);
    this.#options.book.set(key, [...seen, ...told, ...known].slice(0, MAX_ADDRESSES));
  }

  /** Tells a new peer where the others are, and the others where it is. */
  #introduce(session: PeerStream): void {
    const { book } = this.#options;
    const peers: KnownPeers = [];
    for (const [key, addresses] of book.entries()) {
      if (key === toHex(session.peerKey) || peers.length >= 64) continue;
      if (this.#slots.has(key)) peers.push({ key, addresses: [...addresses] });
    }
    if (peers.length > 0) session.channel.control({ command: 'peers', params: { peers } });
    const key = toHex(session.peerKey);
    const own = { key, addresses: [...book.get(key)] };
    if (own.addresses.length === 0) return;
    for (const { stream: other } of this.#level.values()) {
      if (other !== session) other.channel.control({ command: 'peers', params: { peers: [own] } });
    }
  }

  #learnPeers(session: PeerStream, peers: KnownPeers): void {
    if (this.#levelMember(session) === undefined) return;
    const { timers } = this.#options;
    const local = isLoopback(session.connection.remoteAddr.toString());
    for (const { key, addresses } of peers) {
      const peerKey = parseHex(key);
      if (peerKey === undefined) continue;
      const usable = addresses.filter((address) => local || !isLoopback(address));
      if (this.#note(peerKey, usable)) timers.after(HEARSAY_PAUSE_MS, () => this.#slots.get(key)?.wake());
    }
  }
}
