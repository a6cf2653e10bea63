/** The page of the tabs test: a document and the stock provider, driven from outside. */

import { WebsocketProvider } from 'y-websocket';
import * as Y from 'yjs';

interface Place {
  readonly url: string;
  readonly room: string;
  readonly clientId: number;
  readonly protocols: string[];
}

let doc: Y.Doc;
let provider: WebsocketProvider;

Object.assign(globalThis, {
  openDocument(place: Place): void {
    doc = new Y.Doc();
    doc.clientID = place.clientId;
    provider = new WebsocketProvider(place.url, place.room, doc, { disableBc: true, protocols: place.protocols });
  },
  type(text: string): void {
    doc.getText('text').insert(doc.getText('text').length, text);
  },
  look: () => ({
    synced: provider.synced,
    text: doc.getText('text').toString(),
    clients: [...doc.store.clients.keys()],
  }),
});
