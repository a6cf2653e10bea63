/**
 * What the sync cases need of a contender: two or more peers, each a process of its own, that hold a map of records
 * and a text and keep them equal. One adapter per contender stands in `contenders/`; the workloads in `workload.ts`
 * never know which one they drive.
 */

import type * as Y from 'yjs';

export const CONTENDERS = [
  'sandmesh',
  'y-websocket',
  'y-websocket-deflate',
  'y-websocket-tuned',
  'hocuspocus',
  'signed-tcp',
  'yjs-tcp',
] as const;
export type ContenderName = (typeof CONTENDERS)[number];

/** What one peer tells another through the driver: JSON, read by the same contender only. */
export type Ticket = Readonly<Record<string, unknown>>;

/** Which of the two contents an edit goes to; a contender may keep both in one Y.Doc. */
export type Content = 'records' | 'text';

export const RECORDS_ROOT = 'records';
export const TEXT_ROOT = 'text';

export interface SyncPeer {
  doc(content: Content): Y.Doc;
  /** One local transaction. */
  edit(content: Content, change: (doc: Y.Doc) => void): void;
  /** Resolves when the link stands; what is synced shows in the documents. */
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  /** Another Y.Doc took a document's place: {@link doc} gives it from now on. */
  onReplaced?(listener: () => void): void;
  /** Folds the history into a checkpoint, where the contender has such a thing. */
  checkpoint?(): Promise<void>;
}

export interface Contender {
  /** Starts the hub and returns its ticket; absent for contenders whose peers talk to each other. */
  serve?(): Promise<Ticket>;
  /** Who this peer is, before it opens: what the first peer needs to let it in. */
  introduce?(folder: string): Promise<Ticket>;
  /** Opens the peer that everybody else connects to, or the first of equals. */
  openFirst(options: { folder: string; hub: Ticket; checkpoints: boolean }): Promise<SyncPeer & Host>;
  /** Opens a further peer. @param ticket from {@link Host.admit} */
  openNext(options: { folder: string; hub: Ticket; ticket: Ticket }): Promise<SyncPeer>;
}

export interface Host {
  /** Lets a further peer in. @param card from {@link Contender.introduce} */
  admit(card: Ticket): Promise<Ticket>;
}
