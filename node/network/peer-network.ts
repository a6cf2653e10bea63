/**
 * The network as the daemon sees it: one libp2p node, the peers of every open sandbox, and the door for joiners. It
 * moves calls, casts, broadcasts and replication; what they mean and who may ask for what is the pipeline's business.
 */

import type { SigningKey } from '#node/security/identity.ts';
import type { Crypto } from '#protocol/crypto.ts';
import { JOIN_CARRY, JOIN_PROTOCOL } from '#protocol/join-messages.ts';
import type { LinkPeer, ParsedLink } from '#protocol/link.ts';
import type { CallMessage, CastMessage } from '#protocol/messages.ts';
import type { Broadcast, TopicEvent, TopicName } from '#protocol/topics.ts';
import { topics } from '#protocol/topics.ts';
import { equalBytes, toHex } from '#shared/bytes.ts';
import { Emitter } from '#shared/emitter.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId, SandboxId } from '#shared/ids.ts';
import { AddressBook } from './address-book.ts';
import { addressToBytes } from './addresses.ts';
import { addressesOf, type JoinOptions, type JoinResult, joinByLink } from './join.ts';
import { JoinAdmitter } from './join-admitter.ts';
import type { JoinDoor } from './join-desk.ts';
import { NetworkWatch } from './network-watch.ts';
import { PeerHost, type Reach } from './peer-host.ts';
import { type Hello, PEER_PROTOCOL, PeerStream } from './peer-stream.ts';
import type { Replica } from './replication/replica-interface.ts';
import { type PeerSessionRecord, SandboxPeers } from './sandbox-peers.ts';
import { realTimers, type Timers } from './timers.ts';

/** A link stays short enough to read out of a QR code. */
const MAX_LINK_PEERS = 3;
/** Connections of keys that no open sandbox knows: joiners, and members we have not heard of yet. */
const MAX_STRANGERS = 32;
/** A person may be asked about a carried request; lost on the way it is carried again. */
const CARRY_TIMEOUT_MS = 24 * 3600_000;
/** An inbound peer stream says which sandbox it is about by then. */
const HELLO_TIMEOUT_MS = 5000;

export interface PeerNetworkOptions {
  readonly deviceKey: SigningKey;
  /** File that remembers the port; undefined: any free port each time. */
  readonly portFile: string | undefined;
  /** The port to listen on, and no other; 0 or absent: the remembered one, else any. */
  readonly port?: number;
  readonly crypto: Crypto;
  readonly timers?: Timers;
  readonly wallClock?: () => number;
  /** A level member asks; `call.sandbox` is always set. Its role and consent are for the callee to judge. */
  readonly onCall: (sandbox: SandboxId, member: MemberId, call: CallMessage, signal: AbortSignal) => Promise<unknown>;
  readonly onCast?: (sandbox: SandboxId, member: MemberId, cast: CastMessage) => void;
}

export interface SandboxHandlers {
  /** File that remembers where members were reachable; undefined: memory only. */
  readonly addressFile: string | undefined;
  /** Where to look first: what a join returned. */
  readonly known?: readonly { readonly key: Uint8Array; readonly addresses: readonly string[] }[];
  /** Absent where joiners find nobody. */
  readonly door?: Omit<JoinDoor, 'replica'>;
}

export interface PeerNetworkEvents {
  peer: { readonly sandbox: SandboxId; readonly member: MemberId; readonly connected: boolean };
  /** `event` fits its topic's schema; whether this member may say so is for the listener to judge. */
  broadcast: {
    readonly sandbox: SandboxId;
    readonly member: MemberId;
    readonly topic: TopicName;
    readonly event: unknown;
    readonly sequence: number;
  };
  /** The listening addresses changed. */
  addresses: readonly string[];
}

export interface PeerCallOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

interface OpenEntry {
  readonly peers: SandboxPeers;
  readonly door: JoinDoor | undefined;
  /** Events broadcast per topic: by a gap a peer sees that it missed some. */
  readonly sequences: Map<TopicName, number>;
}

export class PeerNetwork {
  readonly events = new Emitter<PeerNetworkEvents>();
  readonly #options: PeerNetworkOptions;
  readonly #timers: Timers;
  readonly #host: PeerHost;
  readonly #admitter: JoinAdmitter;
  readonly #watch: NetworkWatch;
  readonly #open = new Map<SandboxId, OpenEntry>();

  constructor(options: PeerNetworkOptions) {
    this.#options = options;
    this.#timers = options.timers ?? realTimers;
    this.#host = new PeerHost({
      key: options.deviceKey,
      portFile: options.portFile,
      port: options.port ?? 0,
      gate: (peerKey) => this.#admits(peerKey),
    });
    this.#admitter = new JoinAdmitter({
      self: options.deviceKey,
      crypto: options.crypto,
      timers: this.#timers,
      wallClock: options.wallClock ?? Date.now,
      door: (sandbox) => this.#open.get(sandbox)?.door,
      connected: (sandbox) => this.connected(sandbox),
      call: (sandbox, member, box, signal) =>
        this.call(sandbox, member, JOIN_CARRY, { box }, { signal, timeoutMs: CARRY_TIMEOUT_MS }),
    });
    this.#watch = new NetworkWatch({
      timers: this.#timers,
      wallClock: options.wallClock ?? Date.now,
      onChange: () => this.#moved(),
    });
    this.#host.handle(JOIN_PROTOCOL, (stream, connection, peerKey) => {
      this.#admitter.serve(stream, peerKey, connection.remoteAddr.toString());
    });
    this.#host.handle(PEER_PROTOCOL, (stream, connection, peerKey) => {
      this.#greet(new PeerStream({ stream, connection, peerKey, openedBySelf: false, timers: this.#timers }));
    });
  }

  get started(): boolean {
    return this.#host.started;
  }

  get reach(): Reach {
    return this.#host.reach;
  }

  /** Listens (on loopback unless {@link setReach} said otherwise) and dials the peers of open sandboxes. Idempotent. */
  async start(): Promise<void> {
    if (this.started) return;
    await this.#host.start();
    this.#watch.start();
    this.#moved();
  }

  /** Ends every conversation politely and closes the port. Idempotent; the network can be started again. */
  async stop(): Promise<void> {
    this.#watch.stop();
    for (const sandbox of [...this.#open.keys()]) this.closeSandbox(sandbox, 'the daemon stops');
    await this.#host.stop();
  }

  /** Listens on this machine only, or on the local network too. Live connections are cut and come back. */
  async setReach(reach: Reach): Promise<void> {
    if (reach === this.reach) return;
    await this.#host.setReach(reach);
    if (this.started) this.#moved();
  }

  /** Multiaddrs it listens on, without `/p2p/`; empty while stopped. */
  addresses(): string[] {
    return this.#host.addresses();
  }

  /** This daemon as an invite link names it. */
  linkPeer(): LinkPeer {
    return { key: this.#options.deviceKey.publicKey, addresses: this.addresses().map(addressToBytes) };
  }

  /**
   * Whom an invite link names: the one who decides first, then this daemon, then members who are connected and can carry
   * a request; at most {@link MAX_LINK_PEERS}.
   */
  linkPeers(sandbox: SandboxId, admitter?: Uint8Array): LinkPeer[] {
    const self = this.linkPeer();
    const others = this.#open.get(sandbox)?.peers.linkPeers(this.reach === 'loopback') ?? [];
    const isAdmitter = ({ key }: LinkPeer): boolean => admitter !== undefined && equalBytes(key, admitter);
    const named = others.filter(isAdmitter);
    return [...named, self, ...others.filter((peer) => !isAdmitter(peer))].slice(0, MAX_LINK_PEERS);
  }

  /** Members with a live conversation, since when and until when; wall clock. */
  sessions(sandbox: SandboxId): PeerSessionRecord[] {
    return this.#open.get(sandbox)?.peers.sessions() ?? [];
  }

  /** Open connections, strangers included. */
  connectionCount(): number {
    return this.#host.connections().length;
  }

  /** Keeps this sandbox's members connected from now on, if the network is started or once it is. */
  async openSandbox(replica: Replica, handlers: SandboxHandlers): Promise<void> {
    const { sandbox } = replica;
    if (this.#open.has(sandbox)) throw new RangeError(`Sandbox ${sandbox} is open already`);
    const book = new AddressBook(handlers.addressFile, this.#timers);
    const peers = new SandboxPeers({
      selfKey: this.#options.deviceKey.publicKey,
      replica,
      host: this.#host,
      book,
      timers: this.#timers,
      onCall: (member, call, signal) =>
        call.command === JOIN_CARRY
          ? this.#admitter.decideCarried(sandbox, call, signal)
          : this.#options.onCall(sandbox, member, call, signal),
      onCast: (member, cast) => this.#options.onCast?.(sandbox, member, cast),
      onBroadcast: (member, broadcast) => this.#receive(sandbox, member, broadcast),
      onPeer: (member, connected) => this.events.emit('peer', { sandbox, member, connected }),
    });
    const door = handlers.door === undefined ? undefined : { ...handlers.door, replica };
    this.#open.set(sandbox, { peers, door, sequences: new Map() });
    await book.load();
    for (const { key, addresses } of handlers.known ?? []) peers.learn(key, addresses);
    if (this.#open.get(sandbox)?.peers === peers) peers.start();
  }

  /** Says goodbye to its peers. Does not stop the replica. Safe to call twice. */
  closeSandbox(sandbox: SandboxId, reason = 'the sandbox was closed'): void {
    const entry = this.#open.get(sandbox);
    if (entry === undefined) return;
    this.#open.delete(sandbox);
    this.#admitter.close(sandbox);
    entry.peers.stop(reason);
  }

  /**
   * Runs a command at another member's daemon.
   *
   * @throws {SandboxError} PEER_UNREACHABLE when it is not connected, TIMEOUT (10 s by default), the callee's error;
   * `signal.reason`
   */
  async call(
    sandbox: SandboxId,
    member: MemberId,
    command: string,
    args: object,
    options: PeerCallOptions = {},
  ): Promise<unknown> {
    return await this.#stream(sandbox, member, command).channel.call(command, args, { ...options, sandbox });
  }

  /**
   * Tells another member's daemon without waiting.
   *
   * @returns false when it is not connected, or more than 4 MB behind: then it was not told
   */
  cast(sandbox: SandboxId, member: MemberId, command: string, args: Record<string, unknown>): boolean {
    return this.#open.get(sandbox)?.peers.stream(member)?.cast({ command, args, sandbox }) ?? false;
  }

  /**
   * Tells every connected member. One that is more than 4 MB behind misses it and sees a gap in the sequence.
   *
   * @param shownTo what a member may see of it; absent: everything
   */
  broadcast<T extends TopicName>(
    sandbox: SandboxId,
    topic: T,
    event: TopicEvent<T>,
    shownTo: (member: MemberId) => TopicEvent<T> = () => event,
  ): void {
    const entry = this.#open.get(sandbox);
    if (entry === undefined) return;
    const sequence = (entry.sequences.get(topic) ?? 0) + 1;
    entry.sequences.set(topic, sequence);
    for (const member of entry.peers.connected()) {
      const message: Broadcast = { topic, event: shownTo(member), metadata: { sandbox, sequence } };
      entry.peers.stream(member)?.broadcast(message);
    }
  }

  /** Members with a live stream whose control log is level with ours. */
  connected(sandbox: SandboxId): MemberId[] {
    return this.#open.get(sandbox)?.peers.connected() ?? [];
  }

  /** Where a link says that members of an open sandbox are to be found: tried first, what was known stays. */
  suggest(sandbox: SandboxId, peers: readonly LinkPeer[]): void {
    for (const peer of peers) this.#open.get(sandbox)?.peers.suggest(peer.key, addressesOf(peer));
  }

  /** Joins by a link; see `joinByLink`. Starts the network if need be. The sandbox is not opened by it. */
  async joinByLink(link: ParsedLink, options: JoinOptions): Promise<JoinResult> {
    await this.start();
    const { crypto, deviceKey } = this.#options;
    return await joinByLink({ self: deviceKey, host: this.#host, crypto, timers: this.#timers }, link, options);
  }

  #stream(sandbox: SandboxId, member: MemberId, command: string): PeerStream {
    const entry = this.#open.get(sandbox);
    if (entry === undefined) {
      throw new SandboxError('SANDBOX_UNKNOWN', `Cannot send "${command}": sandbox ${sandbox} is not open here`);
    }
    const stream = entry.peers.stream(member);
    if (stream !== undefined) return stream;
    throw new SandboxError('PEER_UNREACHABLE', `Cannot send "${command}": member ${member} is not connected`, {
      hint: 'It is dialed again by itself; "sandmesh members" shows who is here.',
    });
  }

  #receive(sandbox: SandboxId, member: MemberId, { topic, event, metadata }: Broadcast): void {
    const parsed = topics[topic].safeParse(event);
    if (!parsed.success) throw new SandboxError('BAD_ARGUMENT', `The peer broadcast an odd "${topic}" event`);
    this.events.emit('broadcast', { sandbox, member, topic, event: parsed.data, sequence: metadata.sequence });
  }

  /** After noise, before anything else: members come in, strangers up to a number. */
  #admits(peerKey: Uint8Array): boolean {
    if (this.#open.size === 0) return false;
    if (this.#isKnown(peerKey)) return true;
    const strangers = new Set<string>();
    for (const connection of this.#host.connections()) {
      const { publicKey } = connection.remotePeer;
      const raw = publicKey?.raw;
      if (raw !== undefined && connection.direction === 'inbound' && !this.#isKnown(raw)) strangers.add(toHex(raw));
    }
    return strangers.has(toHex(peerKey)) || strangers.size < MAX_STRANGERS;
  }

  #isKnown(peerKey: Uint8Array): boolean {
    for (const { peers } of this.#open.values()) if (peers.knows(peerKey)) return true;
    return false;
  }

  #greet(stream: PeerStream): void {
    const cancel = this.#timers.after(HELLO_TIMEOUT_MS, () => stream.cut('it did not say hello'));
    stream.events.on('close', cancel);
    stream.events.on('hello', (hello: Hello) => {
      cancel();
      const entry = this.#open.get(hello.sandbox);
      if (entry === undefined) stream.cut('it is about a sandbox that is not open here');
      else entry.peers.offer(stream, hello);
    });
  }

  #moved(): void {
    for (const { peers } of this.#open.values()) peers.wake();
    this.events.emit('addresses', this.addresses());
  }
}
