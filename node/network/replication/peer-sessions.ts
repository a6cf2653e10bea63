/**
 * All links of one replica: pushes what is written here, announces what was accepted, and fetches what is missing, each
 * envelope from one peer at a time.
 */

import { chainKey } from '#protocol/envelope.ts';
import { encodeReplicationMessage, type Head, type PullRange } from '#protocol/replication-messages.ts';
import type { MemberId } from '#shared/ids.ts';
import { deflateBody } from './deflate.ts';
import { PeerSession } from './peer-session.ts';
import type { ReplicationLink } from './replica-interface.ts';
import type { SyncHost } from './sync-host.ts';

/** Authors push to everybody they are linked to; what travels through others can wait this long for company. */
const ANNOUNCE_DELAY_MS = 25;
/** A peer that has not delivered what it announced by then is asked no more for it while another has it. */
const FETCH_LIMIT_MS = 10_000;
/** Encoded size of one live message; larger bursts are cut. */
const PUSH_BYTES = 1024 * 1024;

interface Fetch {
  readonly session: PeerSession;
  readonly to: number;
  /** The session's deliveries when last looked at. */
  deliveries: number;
}

export interface PeerSessionsOptions {
  readonly host: SyncHost;
  onPeer(member: MemberId, connected: boolean): void;
}

export class PeerSessions {
  readonly #host: SyncHost;
  readonly #options: PeerSessionsOptions;
  readonly #sessions = new Set<PeerSession>();
  /** Those that are level. */
  readonly #present = new Map<PeerSession, MemberId>();
  /** Under way, by chain. */
  readonly #fetches = new Map<string, Fetch>();
  readonly #dirty = new Set<string>();
  #announcing: (() => void) | undefined;
  #watching: (() => void) | undefined;

  constructor(options: PeerSessionsOptions) {
    this.#host = options.host;
    this.#options = options;
  }

  connect(link: ReplicationLink): void {
    const session = new PeerSession(link, this.#host, {
      onLevel: (level) => this.#arrived(level),
      onHeads: () => this.fetchMissing(),
      onDismissed: (dismissed) => this.#left(dismissed),
      onClosed: (closed) => this.#drop(closed),
    });
    this.#sessions.add(session);
    session.start();
  }

  /** Members with a level link, each once, however many links it has. */
  members(): MemberId[] {
    return [...new Set(this.#present.values())];
  }

  /** Sends new envelopes of our own straight to every level peer. */
  push(envelopes: readonly Uint8Array[], head: Head): void {
    if (this.#present.size === 0) return;
    for (let i = 0; i < envelopes.length; ) {
      const batch: Uint8Array[] = [];
      let bytes = 0;
      for (; i < envelopes.length && bytes < PUSH_BYTES; i++) {
        const envelope = envelopes[i] as Uint8Array;
        batch.push(envelope);
        bytes += envelope.length;
      }
      const message = encodeReplicationMessage({ type: 'envelopes', envelopes: batch }, deflateBody);
      const seq = head.seq - (envelopes.length - i);
      for (const session of this.#sessions) session.push(message, { ...head, seq }, batch.length);
    }
    // Whoever was congested hears of it by heads.
    this.accepted(head);
  }

  /** A chain grew: tell those who may not know, soon. */
  accepted(head: Head): void {
    if (this.#sessions.size === 0) return;
    this.#dirty.add(chainKey(head.member, head.incarnation));
    this.#announcing ??= this.#host.environment.after(ANNOUNCE_DELAY_MS, () => this.#announce());
  }

  controlChanged(): void {
    for (const session of [...this.#sessions]) session.controlChanged();
  }

  /** Chains were rebuilt: level with everybody again. */
  restart(): void {
    this.#fetches.clear();
    for (const session of this.#sessions) session.restart();
    this.fetchMissing();
  }

  stop(): void {
    this.#announcing?.();
    this.#watching?.();
    for (const session of [...this.#sessions]) session.close('this side stops');
  }

  #arrived(session: PeerSession): void {
    const { member } = session;
    if (member === undefined) return;
    const known = this.members().includes(member);
    this.#present.set(session, member);
    this.#host.blobs?.arrived(session);
    if (!known) this.#options.onPeer(member, true);
  }

  #announce(): void {
    this.#announcing = undefined;
    const heads = this.#host.chains.heads().filter((head) => this.#dirty.has(chainKey(head.member, head.incarnation)));
    this.#dirty.clear();
    for (const session of this.#sessions) session.announce(heads);
  }

  #drop(session: PeerSession): void {
    this.#sessions.delete(session);
    this.#left(session);
    this.fetchMissing();
  }

  /** Nothing more is to be had from it. */
  #left(session: PeerSession): void {
    for (const [key, fetch] of this.#fetches) if (fetch.session === session) this.#fetches.delete(key);
    const member = this.#present.get(session);
    this.#present.delete(session);
    this.#host.blobs?.left(session);
    if (member !== undefined && !this.members().includes(member)) this.#options.onPeer(member, false);
  }

  /** Asks for every announced envelope that is neither here nor on its way. */
  fetchMissing(): void {
    if (this.#host.awaitsCheckpoint) return;
    const willing = [...this.#sessions].sort((a, b) => Number(a.stalled) - Number(b.stalled));
    for (const session of willing) {
      if (!this.#present.has(session)) continue;
      const ranges: PullRange[] = [];
      for (const [key, head] of session.announced) {
        const have = this.#host.chains.get(head.member, head.incarnation)?.seq ?? 0;
        const fetch = this.#fetches.get(key);
        if (fetch !== undefined && have >= fetch.to) this.#fetches.delete(key);
        if (head.seq <= have || (fetch !== undefined && fetch.to > have)) continue;
        ranges.push({ member: head.member, incarnation: head.incarnation, from: have + 1, to: head.seq });
        this.#fetches.set(key, { session, to: head.seq, deliveries: session.deliveries });
      }
      if (ranges.length > 0) session.pull(ranges);
    }
    if (this.#fetches.size > 0) this.#watching ??= this.#host.environment.after(FETCH_LIMIT_MS, () => this.#giveUp());
  }

  /** Fetches from peers that delivered nothing since the last look go to others; a slow peer is left alone. */
  #giveUp(): void {
    this.#watching = undefined;
    for (const [key, fetch] of this.#fetches) {
      if (fetch.session.deliveries > fetch.deliveries) {
        fetch.deliveries = fetch.session.deliveries;
        continue;
      }
      fetch.session.stalled = true;
      this.#fetches.delete(key);
    }
    this.fetchMissing();
  }
}
