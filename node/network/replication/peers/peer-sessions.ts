/**
 * All links of one replica: pushes what is written here, announces what was accepted, and fetches what is missing, each
 * envelope from one peer at a time.
 */

import { encodeReplicationMessage, type Head } from '#protocol/replication-messages.ts';
import type { MemberId } from '#shared/ids.ts';
import type { Chain } from '../chains/chain.ts';
import type { ReplicationLink } from '../replica-interface.ts';
import { compressBody } from './compression.ts';
import { PeerSession } from './peer-session.ts';
import type { SyncHost } from './sync-host.ts';

/** Authors push to everybody they are linked to; what travels through others can wait this long for company. */
const ANNOUNCE_DELAY_MS = 25;
/** A peer that has not delivered what it announced by then is asked no more for it while another has it. */
const FETCH_LIMIT_MS = 10_000;
/** Encoded size of one live message; larger bursts are cut. */
const PUSH_BYTES = 1024 * 1024;

export interface PeerSessionsOptions {
  readonly host: SyncHost;
  onPeer(member: MemberId, connected: boolean): void;
  /** What is missing was asked for, if anything is: see {@link PeerSessions.settled}. */
  onAsked(): void;
}

export class PeerSessions {
  readonly #host: SyncHost;
  readonly #options: PeerSessionsOptions;
  readonly #sessions = new Set<PeerSession>();
  /** Those that are level. */
  readonly #present = new Map<PeerSession, MemberId>();
  /** Who was asked for a chain. */
  readonly #fetches = new Map<string, PeerSession>();
  /** Deliveries of those who were asked, when last looked at. */
  readonly #watched = new Map<PeerSession, number>();
  readonly #dirty = new Set<Chain>();
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
      onServed: (served) => this.#served(served),
      onDismissed: (dismissed) => this.#left(dismissed),
      onClosed: (closed) => this.#drop(closed),
    });
    this.#sessions.add(session);
    session.start();
  }

  /** Whether there is any link. */
  get linked(): boolean {
    return this.#sessions.size > 0;
  }

  /** Whether there are links, and everything that those at the other ends say to have is here or not to be had. */
  get settled(): boolean {
    if (this.#sessions.size === 0 || this.#host.checkpoints?.awaited === true) return false;
    return [...this.#sessions].every((session) => this.#present.has(session) && session.flow.settled);
  }

  /** Members with a level link, each once, however many links it has. */
  members(): MemberId[] {
    return [...new Set(this.#present.values())];
  }

  /** Sends new envelopes of our own straight to every level peer. */
  push(envelopes: readonly Uint8Array[], chain: Chain): void {
    if (this.#present.size === 0) return;
    for (let i = 0; i < envelopes.length; ) {
      const batch: Uint8Array[] = [];
      let bytes = 0;
      for (; i < envelopes.length && bytes < PUSH_BYTES; i++) {
        const envelope = envelopes[i] as Uint8Array;
        batch.push(envelope);
        bytes += envelope.length;
      }
      const message = encodeReplicationMessage({ type: 'envelopes', envelopes: batch }, compressBody);
      const seq = chain.seq - (envelopes.length - i);
      for (const session of this.#sessions) session.flow.push(message, chain, seq, batch.length);
    }
    // Whoever was congested hears of it by heads.
    this.accepted(chain);
  }

  /** A chain grew: tell those who may not know, soon. */
  accepted(chain: Chain): void {
    if (this.#sessions.size === 0) return;
    this.#dirty.add(chain);
    this.#announcing ??= this.#host.environment.after(ANNOUNCE_DELAY_MS, () => this.#announce());
  }

  controlChanged(): void {
    for (const session of [...this.#sessions]) session.controlChanged();
    // What waited for an entry may wait for other envelopes now.
    this.fetchMissing();
  }

  /** Chains were rebuilt: level with everybody again. */
  restart(): void {
    this.#dirty.clear();
    for (const session of this.#sessions) session.flow.restart();
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
    this.#host.blobRooms.arrived(session);
    // Of one member there may be several homes, and not all have the same.
    this.#host.checkpoints?.peerArrived();
    if (!known) this.#options.onPeer(member, true);
  }

  #announce(): void {
    this.#announcing = undefined;
    const chains = [...this.#dirty];
    this.#dirty.clear();
    for (const session of this.#sessions) session.flow.announce(chains);
  }

  #drop(session: PeerSession): void {
    this.#sessions.delete(session);
    this.#left(session);
    this.fetchMissing();
  }

  /** Nothing more is to be had from it. */
  #left(session: PeerSession): void {
    this.#release(session);
    const member = this.#present.get(session);
    this.#present.delete(session);
    this.#host.blobRooms.left(session);
    if (member !== undefined && !this.members().includes(member)) this.#options.onPeer(member, false);
  }

  #served(session: PeerSession): void {
    if (!session.flow.asked) this.#release(session);
    this.fetchMissing();
  }

  /** What it was asked for may be asked of others. */
  #release(session: PeerSession): void {
    this.#watched.delete(session);
    for (const [key, asked] of this.#fetches) if (asked === session) this.#fetches.delete(key);
  }

  /** Asks for everything announced that is neither here nor on its way, each peer for one answer at a time. */
  fetchMissing(): void {
    if (this.#host.checkpoints?.awaited === true) return;
    const willing = [...this.#sessions].sort((a, b) => Number(a.flow.stalled) - Number(b.flow.stalled));
    for (const session of willing) {
      if (!this.#present.has(session) || session.flow.asked) continue;
      const wanted: Head[] = [];
      for (const [key, heads] of session.flow.missing()) {
        if (this.#fetches.has(key)) continue;
        this.#fetches.set(key, session);
        wanted.push(...heads);
      }
      if (wanted.length === 0) continue;
      this.#watched.set(session, session.flow.deliveries);
      session.flow.pull(wanted);
    }
    this.#options.onAsked();
    if (this.#watched.size > 0) this.#watching ??= this.#host.environment.after(FETCH_LIMIT_MS, () => this.#giveUp());
  }

  /** What peers were asked for that delivered nothing since the last look goes to others; a slow peer is left alone. */
  #giveUp(): void {
    this.#watching = undefined;
    for (const [session, deliveries] of this.#watched) {
      if (session.flow.deliveries > deliveries) {
        this.#watched.set(session, session.flow.deliveries);
        continue;
      }
      session.flow.forgive();
      this.#release(session);
    }
    this.fetchMissing();
  }
}
