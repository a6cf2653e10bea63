/**
 * One link to one peer key. Control logs are levelled first; only when the key proves to be an active member of the
 * log both now share do heads and envelopes flow. A key that is no member is told nothing but "show me your log".
 */

import type { BlobMessage } from '#protocol/blob-messages.ts';
import type { LogTips } from '#protocol/control-log.ts';
import { OWNER_LOG } from '#protocol/control-position.ts';
import type { ControlPosition } from '#protocol/envelope.ts';
import {
  decodeReplicationMessage,
  encodeReplicationMessage,
  type Head,
  type ReplicationMessage,
  type Want,
} from '#protocol/replication-messages.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import type { Chain } from '../chains/chain.ts';
import { ControlExchange } from '../control/control-exchange.ts';
import type { ReplicationLink } from '../replica-interface.ts';
import type { BlobPeer } from './blob-exchange.ts';
import { compressBody, decompressBody } from './compression.ts';
import { EnvelopeSender } from './envelope-sender.ts';
import { Inbox } from './inbox.ts';
import { PeerHeads } from './peer-heads.ts';
import type { SessionListener } from './session-listener.ts';
import type { SyncHost } from './sync-host.ts';

/** A link that is not level by then is dropped. */
const OPENING_LIMIT_MS = 10_000;
/** Between telling a removed member so and closing its link. */
const GOODBYE_MS = 200;
/** Until a peer is asked again whose last answer was of no use. */
const REST_MS = 250;
const MAX_REST_MS = 8000;

export class PeerSession implements BlobPeer {
  readonly #link: ReplicationLink;
  readonly #host: SyncHost;
  readonly #listener: SessionListener;
  readonly #sender: EnvelopeSender;
  readonly #exchange: ControlExchange;
  readonly #heads: PeerHeads;
  #cancelOpening: () => void;
  readonly #inbox = new Inbox(() => this.close('it sent more than can wait'));
  #busy = false;
  #saidHello = false;
  #peerSaidHello = false;
  #level = false;
  #member: MemberId | undefined;
  #closed = false;
  #dismissed = false;
  #deliveries = 0;
  /** It has said what it has. */
  #informed = false;
  /** A pull has not been served. */
  #asked = false;
  /** Since then it sent something that brought us on. */
  #progressed = false;
  /** Not asked for a while. */
  #resting = false;
  #restMs = REST_MS;
  /** Announced and did not deliver: asked only when nobody else has it. */
  stalled = false;

  constructor(link: ReplicationLink, host: SyncHost, listener: SessionListener) {
    this.#link = link;
    this.#host = host;
    this.#listener = listener;
    this.#heads = new PeerHeads(host);
    this.#exchange = new ControlExchange(host.controlLog, (entries) => this.#send({ type: 'control', entries }));
    this.#sender = new EnvelopeSender({
      host,
      send: (envelopes) => this.#send({ type: 'envelopes', envelopes }),
      finish: () => void this.#send({ type: 'served' }),
    });
    this.#cancelOpening = host.environment.after(OPENING_LIMIT_MS, () => {
      if (!this.#level) this.close('it did not become a level member in time');
    });
  }

  /** The member at the other end, once level. */
  get member(): MemberId | undefined {
    return this.#level ? this.#member : undefined;
  }
  /** A pull is under way. */
  get asked(): boolean {
    return this.#asked;
  }

  /** Whether everything it says to have is here, or not to be had from it for now. */
  get settled(): boolean {
    return this.#informed && !this.#asked && (this.stalled || this.missing().size === 0);
  }

  start(): void {
    this.#link.onMessage((message) => this.#enqueue(message));
    this.#link.onDrain(() => this.#sender.resume());
    this.#link.onClose(() => this.#end());
    this.#greet();
  }

  /** The control log changed: greet a new member, say goodbye to a removed one, pass the entries on. */
  controlChanged(): void {
    if (this.#closed || this.#dismissed) return;
    const member = this.#host.controlLog.state.memberByKey(this.#link.peerKey);
    if (member === undefined) {
      if (this.#level) this.close('its grant has no effect as the control logs stand');
      return;
    }
    const removal = this.#removal();
    if (removal !== undefined) return this.#dismiss(removal);
    this.#greet();
    this.#exchange.level();
    this.#settle();
  }

  /** Grows with every message of envelopes: how a slow peer is told from a silent one. */
  get deliveries(): number {
    return this.#deliveries;
  }

  /**
   * Sends an encoded message with the `count` envelopes of our own chain up to `seq`. Where the link is congested, or
   * what comes before was held back, nothing is sent: the next announcement tells, and the peer pulls.
   */
  push(message: Uint8Array, chain: Chain, seq: number, count: number): void {
    if (!this.#level || this.#sender.blocked || this.#heads.told(chain) !== seq - count) return;
    this.#heads.tell(chain, seq);
    this.#sender.note(this.#link.send(message));
  }

  /** Tells the peer of lines it is not known to have. */
  announce(chains: Iterable<Chain>): void {
    if (!this.#level) return;
    const news = [...chains].filter((chain) => chain.seq > this.#heads.told(chain));
    if (news.length > 0) this.#sendHeads(news, false);
  }

  /** Chains were rebuilt here: what was told is told again, and what is missing shows when the peer does the same. */
  restart(): void {
    if (!this.#level) return;
    this.#heads.forgetTold();
    this.#sendHeads(this.#host.chains.all(), true);
  }

  /** What is to be fetched from the peer, by chain; nothing while it is left alone. */
  missing(): ReadonlyMap<string, readonly Head[]> {
    return this.#resting ? new Map() : this.#heads.missing();
  }

  /** Asks for everything up to these heads. */
  pull(heads: readonly Head[]): void {
    this.#asked = true;
    this.#progressed = false;
    this.#send({ type: 'pull', wants: heads.map((head) => this.#heads.want(head)) });
  }

  /** It is not expected any more to answer what it was asked. */
  forgive(): void {
    this.#asked = false;
    this.stalled = true;
  }

  send(message: BlobMessage): void {
    this.#send(message);
  }

  close(reason: string): void {
    if (this.#closed) return;
    this.#inbox.clear();
    this.#link.close(reason);
    this.#end();
  }

  /** It learns of its own removal and of nothing after it; then the link has a moment to carry that. */
  #dismiss(removal: ControlPosition): void {
    if (this.#dismissed) return;
    this.#dismissed = true;
    this.#sender.stop();
    this.#exchange.level(removal);
    this.#level = false;
    this.#cancelOpening();
    this.#cancelOpening = this.#host.environment.after(GOODBYE_MS, () => this.close('its member was removed'));
    this.#listener.onDismissed(this);
  }

  /** Control entries that had come by then still count: of a removal nothing else may ever tell. */
  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelOpening();
    this.#sender.stop();
    this.#listener.onClosed(this);
  }

  #send(message: ReplicationMessage): boolean {
    if (this.#closed) return false;
    return this.#sender.note(this.#link.send(encodeReplicationMessage(message, compressBody)));
  }

  /** Control messages are verified asynchronously; what follows waits in order. */
  #enqueue(bytes: Uint8Array): void {
    if (this.#closed || this.#dismissed) return;
    if (this.#busy) this.#inbox.push(bytes);
    else this.#take(bytes);
  }

  #take(bytes: Uint8Array): void {
    let pending: Promise<void> | undefined;
    try {
      const message = decodeReplicationMessage(bytes, decompressBody);
      if (this.#closed && message.type !== 'control') return;
      if (this.#isEarly(message)) return this.#inbox.hold(bytes);
      pending = this.#dispatch(message);
    } catch (error) {
      return this.#refuse(error);
    }
    if (pending === undefined) return;
    this.#busy = true;
    pending
      .catch((error: unknown) => this.#refuse(error))
      .finally(() => {
        this.#busy = false;
        this.#takeWaiting();
      });
  }

  #takeWaiting(): void {
    while (!this.#busy && !this.#dismissed) {
      const next = this.#inbox.shift();
      if (next === undefined) return;
      this.#take(next);
    }
  }

  /**
   * Where both have greeted, the peer may take itself for level. It is not here if a fork took its grant's effect meanwhile: that is
   * no offence, and what it says waits for the fork to be settled, at most as long as an opening may take.
   */
  #isEarly({ type }: ReplicationMessage): boolean {
    const greeted = this.#saidHello && this.#peerSaidHello;
    return !this.#level && greeted && type !== 'hello' && type !== 'needControl' && type !== 'control';
  }

  /** Nothing more is taken from it. */
  #refuse(error: unknown): void {
    this.close(SandboxError.from(error).message);
  }

  #dispatch(message: ReplicationMessage): Promise<void> | undefined {
    switch (message.type) {
      case 'hello':
        this.#assertSandbox(message.sandbox);
        this.#peerSaidHello = true;
        return void this.#answer(message.logs);
      case 'needControl':
        this.#assertSandbox(message.sandbox);
        return void this.#answer(message.logs);
      case 'control':
        return this.#receiveControl(message.entries);
      case 'heads':
        this.#assertLevel(message.type);
        for (const head of message.heads) this.#heads.learn(head);
        this.#informed ||= message.full;
        return void this.#listener.onHeads(this);
      case 'pull':
        this.#assertLevel(message.type);
        return this.#serve(message.wants);
      case 'envelopes':
        this.#assertLevel(message.type);
        return void this.#receive(message.envelopes);
      case 'served':
        this.#assertLevel(message.type);
        return void this.#served();
      case 'wantBlob':
      case 'blobOutline':
      case 'blobChunk':
        this.#assertLevel(message.type);
        return void this.#host.blobRooms.receive(this, message);
      case 'pruned':
        this.#assertLevel(message.type);
        // What it lacks it will not have a moment later.
        this.#rest();
        return void this.#host.checkpoints?.pruned();
      default:
        message satisfies never;
        return undefined;
    }
  }

  /** Answers an opening with the entries that a member lacks. */
  #answer(logs: readonly LogTips[]): void {
    this.#exchange.hear(logs);
    const removal = this.#removal();
    if (removal !== undefined) return this.#dismiss(removal);
    if (this.#peerMember() !== undefined) this.#exchange.level();
    this.#settle();
  }

  async #receiveControl(entries: readonly string[]): Promise<void> {
    this.#exchange.note(entries);
    await this.#host.receiveControl(entries);
    this.#greet();
    // What it lacks may show only now.
    if (this.#peerMember() !== undefined) this.#exchange.level();
    this.#settle();
  }

  #greet(): void {
    if (this.#saidHello || this.#closed) return;
    const { controlLog: control, sandbox } = this.#host;
    if (this.#peerMember() !== undefined) {
      this.#saidHello = true;
      this.#send({ type: 'hello', sandbox, logs: control.tips() });
    } else if (this.#removal() === undefined) {
      this.#send({ type: 'needControl', sandbox, logs: control.tips() });
    }
  }

  /** Becomes level when both have greeted and nothing the peer has in its control log is missing here. */
  #settle(): void {
    if (this.#level || this.#closed || !this.#saidHello || !this.#peerSaidHello) return;
    const member = this.#peerMember();
    if (member === undefined || !this.#exchange.complete) return;
    this.#level = true;
    this.#member = member;
    this.#cancelOpening();
    this.#sendHeads(this.#host.chains.all(), true);
    this.#listener.onLevel(this);
    this.#inbox.release();
    this.#takeWaiting();
  }

  #sendHeads(chains: Iterable<Chain>, full: boolean): void {
    const told = [...chains].filter((chain) => chain.seq > chain.after);
    for (const chain of told) this.#heads.tell(chain, chain.seq);
    this.#send({ type: 'heads', full, heads: told.map(({ head }) => head) });
  }

  #serve(wants: readonly Want[]): undefined {
    const bases = this.#sender.serve(wants);
    if (bases.length > 0) this.#send({ type: 'pruned', bases });
  }

  #receive(envelopes: readonly Uint8Array[]): void {
    this.#deliveries++;
    this.stalled = false;
    const { heads, awaited, fresh, spilled } = this.#host.receiveEnvelopes(envelopes, this.#link.peerKey);
    // Known envelopes of a line show where ours leaves it: they bring us on too.
    this.#progressed = this.#heads.delivered(heads) || fresh || this.#progressed;
    for (const head of awaited) this.#heads.learn(head);
    if (spilled) this.#rest();
    this.#listener.onHeads(this);
  }

  /** It is left alone for a moment, longer each time: nothing of what it sent could be used. */
  #rest(): void {
    if (this.#resting) return;
    this.#resting = true;
    this.#host.environment.after(this.#restMs, () => {
      this.#resting = false;
      if (!this.#closed) this.#listener.onHeads(this);
    });
    this.#restMs = Math.min(this.#restMs * 2, MAX_REST_MS);
  }

  #served(): void {
    this.#asked = false;
    if (this.#progressed) this.#restMs = REST_MS;
    else this.#rest();
    this.#listener.onServed(this);
  }

  #peerMember(): MemberId | undefined {
    const { state } = this.#host.controlLog;
    const member = state.memberByKey(this.#link.peerKey);
    return member !== undefined && state.roleNow(member.id) !== null ? member.id : undefined;
  }

  /** How far of the logs its removal reaches; undefined for an active member and for a stranger. */
  #removal(): ControlPosition | undefined {
    const place = this.#host.controlLog.state.memberByKey(this.#link.peerKey)?.removed;
    if (place === undefined) return undefined;
    return place.log === OWNER_LOG ? [place.owner] : [place.owner, place.log, place.seq];
  }

  #assertSandbox(sandbox: string): void {
    if (sandbox !== this.#host.sandbox) {
      throw new SandboxError('SANDBOX_UNKNOWN', `Cannot replicate sandbox ${sandbox} over a link of another`);
    }
  }

  #assertLevel(type: string): void {
    if (!this.#level) throw new SandboxError('FORBIDDEN', `Cannot take "${type}" before the control logs are level`);
  }
}
