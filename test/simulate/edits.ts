/** What the user of one process of a daemon edits: each edit that changed something is promised once the replica says that it is safe. */

import type * as Y from 'yjs';
import type { Change } from '#node/network/replication/replica-interface.ts';
import type { SandboxReplica } from '#node/network/replication/sandbox-replica.ts';
import { chainKey } from '#protocol/envelope.ts';
import type { DocumentName } from '#shared/documents/document-name.ts';
import type { Daemon } from './daemon.ts';
import { EDITING, EDITING_ROTTEN, isExpected, NO_ROOM, text } from './expected-errors.ts';
import type { Life } from './life.ts';
import type { World } from './world.ts';

/** Something a daemon told its user is safe. */
export interface Acknowledged {
  readonly daemon: Daemon;
  readonly chain: string;
  readonly seq: number;
  readonly atMs: number;
  /** Once its own disk was damaged: who has held it ever since. */
  holders: ReadonlySet<Daemon> | undefined;
}

/** An edit whose user waits; `seq` is 0 until it is known which envelope carries it. */
export interface PendingEdit {
  readonly document: DocumentName;
  chain: string;
  seq: number;
}

export class Edits {
  readonly #world: World;
  readonly #daemon: Daemon;
  readonly #replica: SandboxReplica;
  readonly #life: Life;
  #pending: PendingEdit[] = [];

  /** @param replica of that process, which has just opened it */
  constructor(world: World, daemon: Daemon, replica: SandboxReplica, life: Life) {
    this.#world = world;
    this.#daemon = daemon;
    this.#replica = replica;
    this.#life = life;
    replica.events.on('change', (change) => this.#noticed(change));
  }

  /** Edits a document; what it was promised is remembered. @returns which envelope will carry it, once known */
  edit(document: DocumentName, change: Parameters<SandboxReplica['edit']>[1]): PendingEdit {
    const replica = this.#replica;
    let changed = false;
    const pending = this.#write(document, () => {
      const doc = replica.document(document);
      const note = ({ beforeState, afterState, deleteSet }: Y.Transaction): void => {
        changed ||= deleteSet.clients.size > 0 || afterState.get(doc.clientID) !== beforeState.get(doc.clientID);
      };
      doc.on('beforeObserverCalls', note);
      const done = replica.edit(document, change);
      doc.off('beforeObserverCalls', note);
      return done;
    });
    // One that changed nothing is in no envelope: it must not be taken for one that the next edit makes.
    if (!changed) this.#forget(pending);
    return pending;
  }

  writeRegister(kind: 'host' | 'notes', key: string, value: unknown): void {
    this.#write(`${kind}/${this.#replica.self}`, () => this.#replica.writeRegister(kind, key, value));
  }

  #write(document: DocumentName, write: () => Promise<void>): PendingEdit {
    const pending: PendingEdit = { document, chain: '', seq: 0 };
    this.#pending.push(pending);
    write().then(
      () => {
        if (!this.#life.alive) return;
        this.#forget(pending);
        if (pending.seq > 0) this.#acknowledge(pending);
      },
      (error: unknown) => {
        if (!this.#life.alive) return;
        this.#forget(pending);
        const { name, home } = this.#daemon;
        if (home.isFull && isExpected(error, [NO_ROOM])) return;
        // What a damaged log lost may be what its next edit stands on: until another has brought it.
        if (!isExpected(error, home.hasRotted ? EDITING_ROTTEN : EDITING))
          this.#world.fail('edit', `${name} cannot edit ${document}: ${text(error)}`);
      },
    );
    return pending;
  }

  #forget(pending: PendingEdit): void {
    this.#pending = this.#pending.filter((other) => other !== pending);
  }

  #acknowledge({ chain, seq }: PendingEdit): void {
    const atMs = this.#world.scheduler.now;
    this.#world.acknowledged.push({ daemon: this.#daemon, chain, seq, atMs, holders: undefined });
  }

  #noticed(change: Change): void {
    if (!change.local) return;
    const replica = this.#replica;
    const { member, incarnation, seq } = change.envelope;
    const position = replica.chains.get(member, incarnation)?.positionAt(seq);
    const bytes = position === undefined ? undefined : replica.envelopeBytes(position);
    if (bytes !== undefined) this.#world.registry.add(bytes, this.#daemon.name);
    for (const pending of this.#pending) {
      if (pending.document !== change.document || pending.seq > 0) continue;
      pending.chain = chainKey(member, incarnation);
      pending.seq = seq;
    }
  }
}
