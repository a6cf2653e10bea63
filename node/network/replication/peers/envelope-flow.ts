/**
 * What flows over one level link: heads tell what is here, a pull fetches what is missing, and envelopes come as its answer or
 * of their own. A peer whose answers are of no use is left alone for a while, longer each time.
 */

import type { Head, ReplicationMessage, Want } from '#protocol/replication-messages.ts';
import type { Chain } from '../chains/chain.ts';
import { EnvelopeSender } from './envelope-sender.ts';
import { PeerHeads } from './peer-heads.ts';
import type { SyncHost } from './sync-host.ts';

/** Until a peer is asked again whose last answer was of no use. */
const REST_MS = 250;
const MAX_REST_MS = 8000;

export type FlowMessage = Extract<ReplicationMessage, { type: 'heads' | 'pull' | 'envelopes' | 'served' | 'pruned' }>;

export interface EnvelopeFlowParts {
  readonly host: SyncHost;
  /** Device key that the link has proven. */
  readonly peerKey: Uint8Array;
  /** @returns false when the link asks to wait for {@link EnvelopeFlow.resume}, or is closed */
  send(message: FlowMessage): boolean;
  /** The same for a message that is encoded. */
  sendEncoded(message: Uint8Array): boolean;
  /** It may have something that is missing here. */
  onHeads(): void;
  /** It has answered a pull. */
  onServed(): void;
  /** It may be asked again what it was not asked while it was left alone. */
  onRested(): void;
}

export class EnvelopeFlow {
  readonly #parts: EnvelopeFlowParts;
  readonly #sender: EnvelopeSender;
  readonly #heads: PeerHeads;
  #open = false;
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
  #stalled = false;

  constructor(parts: EnvelopeFlowParts) {
    this.#parts = parts;
    this.#heads = new PeerHeads(parts.host);
    this.#sender = new EnvelopeSender({
      host: parts.host,
      send: (envelopes) => parts.send({ type: 'envelopes', envelopes }),
      finish: () => void parts.send({ type: 'served' }),
    });
  }

  /** A pull is under way. */
  get asked(): boolean {
    return this.#asked;
  }

  /** Announced and did not deliver: asked only when nobody else has it. */
  get stalled(): boolean {
    return this.#stalled;
  }

  /** Whether everything it says to have is here, or not to be had from it for now. */
  get settled(): boolean {
    return this.#informed && !this.#asked && (this.#stalled || this.missing().size === 0);
  }

  /** Grows with every message of envelopes: how a slow peer is told from a silent one. */
  get deliveries(): number {
    return this.#deliveries;
  }

  /** The link is level: the peer hears of everything that is here. */
  start(): void {
    this.#open = true;
    this.#sendHeads(this.#parts.host.chains.all(), true);
  }

  /** Nothing is said any more. */
  stop(): void {
    this.#open = false;
    this.#sender.stop();
  }

  /** Records what any send over the link returned, and passes it on. */
  note(accepted: boolean): boolean {
    return this.#sender.note(accepted);
  }

  /** The link has drained. */
  resume(): void {
    this.#sender.resume();
  }

  /**
   * Sends an encoded message with the `count` envelopes of our own chain up to `seq`. Where the link is congested, or
   * what comes before was held back, nothing is sent: the next announcement tells, and the peer pulls.
   */
  push(message: Uint8Array, chain: Chain, seq: number, count: number): void {
    if (!this.#open || this.#sender.blocked || this.#heads.told(chain) !== seq - count) return;
    this.#heads.tell(chain, seq);
    this.#parts.sendEncoded(message);
  }

  /** Tells the peer of lines it is not known to have. */
  announce(chains: Iterable<Chain>): void {
    if (!this.#open) return;
    const news = [...chains].filter((chain) => chain.seq > this.#heads.told(chain));
    if (news.length > 0) this.#sendHeads(news, false);
  }

  /** Chains were rebuilt here: what was told is told again, and what is missing shows when the peer does the same. */
  restart(): void {
    if (!this.#open) return;
    this.#heads.forgetTold();
    this.#sendHeads(this.#parts.host.chains.all(), true);
  }

  /** What is to be fetched from the peer, by chain; nothing while it is left alone. */
  missing(): ReadonlyMap<string, readonly Head[]> {
    return this.#resting ? new Map() : this.#heads.missing();
  }

  /** Asks for everything up to these heads. */
  pull(heads: readonly Head[]): void {
    this.#asked = true;
    this.#progressed = false;
    this.#parts.send({ type: 'pull', wants: heads.map((head) => this.#heads.want(head)) });
  }

  /** It is not expected any more to answer what it was asked. */
  forgive(): void {
    this.#asked = false;
    this.#stalled = true;
  }

  /** @throws {SandboxError} BAD_ENVELOPE when one is refused; those before it are kept */
  receive(message: FlowMessage): void {
    switch (message.type) {
      case 'heads':
        for (const head of message.heads) this.#heads.learn(head);
        this.#informed ||= message.full;
        return this.#parts.onHeads();
      case 'pull':
        return this.#serve(message.wants);
      case 'envelopes':
        return this.#receiveEnvelopes(message.envelopes);
      case 'served':
        return this.#served();
      case 'pruned':
        // What it lacks it will not have a moment later.
        this.#rest();
        return this.#parts.host.checkpoints?.pruned();
      default:
        message satisfies never;
    }
  }

  #sendHeads(chains: Iterable<Chain>, full: boolean): void {
    const told = [...chains].filter((chain) => chain.seq > chain.after);
    for (const chain of told) this.#heads.tell(chain, chain.seq);
    this.#parts.send({ type: 'heads', full, heads: told.map(({ head }) => head) });
  }

  #serve(wants: readonly Want[]): void {
    const bases = this.#sender.serve(wants);
    if (bases.length > 0) this.#parts.send({ type: 'pruned', bases });
  }

  #receiveEnvelopes(envelopes: readonly Uint8Array[]): void {
    this.#deliveries++;
    this.#stalled = false;
    const { heads, awaited, fresh, spilled } = this.#parts.host.receiveEnvelopes(envelopes, this.#parts.peerKey);
    // Known envelopes of a line show where ours leaves it: they bring us on too.
    this.#progressed = this.#heads.delivered(heads) || fresh || this.#progressed;
    for (const head of awaited) this.#heads.learn(head);
    if (spilled) this.#rest();
    this.#parts.onHeads();
  }

  #served(): void {
    this.#asked = false;
    if (this.#progressed) this.#restMs = REST_MS;
    else this.#rest();
    this.#parts.onServed();
  }

  /** It is left alone for a moment, longer each time: nothing of what it sent could be used. */
  #rest(): void {
    if (this.#resting) return;
    this.#resting = true;
    this.#parts.host.environment.after(this.#restMs, () => {
      this.#resting = false;
      this.#parts.onRested();
    });
    this.#restMs = Math.min(this.#restMs * 2, MAX_REST_MS);
  }
}
