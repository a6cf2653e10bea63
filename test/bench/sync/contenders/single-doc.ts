/** A peer of the contenders that sync one whole Y.Doc: everything but how it is connected. */

import * as Y from 'yjs';
import type { Host, SyncPeer, Ticket } from '../contender.ts';

export const DOC_NAME = 'bench';

export function singleDocPeer(doc: Y.Doc, link: Pick<SyncPeer, 'connect' | 'disconnect'>): SyncPeer & Host {
  return {
    doc: () => doc,
    edit: (_content, change) => doc.transact(() => change(doc)),
    ...link,
    admit: async (): Promise<Ticket> => ({}),
  };
}

export function newDoc(): Y.Doc {
  return new Y.Doc();
}
