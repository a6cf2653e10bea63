/** What the driver asks of an agent: one closed union, JSON over its standard input. Times are in ms, shared clock. */

import type { Ticket } from './contender.ts';

export type SyncRequest =
  /** → the hub's ticket */
  | { readonly do: 'serve' }
  /** → the peer's card */
  | { readonly do: 'introduce'; readonly folder: string }
  /** `checkpoints`: whether it may fold its history, where the contender has such a thing */
  | { readonly do: 'openFirst'; readonly folder: string; readonly hub: Ticket; readonly checkpoints: boolean }
  | { readonly do: 'openNext'; readonly folder: string; readonly hub: Ticket; readonly ticket: Ticket }
  /** → the ticket to open the next peer with */
  | { readonly do: 'admit'; readonly card: Ticket }
  /** → when it began */
  | { readonly do: 'connect' }
  | { readonly do: 'disconnect' }
  | { readonly do: 'checkpoint' }
  /** → when the first was written */
  | { readonly do: 'write'; readonly count: number; readonly prefix: string; readonly perTick: number }
  | { readonly do: 'seed'; readonly count: number }
  /** `file`: JSON of a trace's edits */
  | { readonly do: 'type'; readonly file: string }
  /** Starts counting others' records anew. */
  | { readonly do: 'forget' }
  /** → when so many different keys of others had come */
  | { readonly do: 'awaitRecords'; readonly count: number }
  | { readonly do: 'awaitText'; readonly length: number }
  | { readonly do: 'listenForAcks'; readonly socket: string }
  | { readonly do: 'acknowledge'; readonly socket: string }
  | { readonly do: 'closedLoop'; readonly count: number }
  /** → one-way times of every record acknowledged */
  | { readonly do: 'latencies' }
  /** → payload bytes written to TCP sockets so far */
  | { readonly do: 'bytes' };
