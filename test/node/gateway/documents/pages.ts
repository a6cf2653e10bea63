/** A real replica behind the real local API, and stock y-websocket clients in front of it. */

import { join } from 'node:path';
import { WebSocket } from 'ws';
import { WebsocketProvider } from 'y-websocket';
import * as Y from 'yjs';
import type { SandmeshClient } from '#client/sdk/client.ts';
import { openDocument, type SharedDocument } from '#client/sdk/shared-document.ts';
import { documentHandlers } from '#node/gateway/documents/document-handlers.ts';
import { PresenceTable } from '#node/sandbox/member-view.ts';
import type { RunningSandbox } from '#node/sandbox/running-sandbox.ts';
import { SCOPES, type Scope } from '#protocol/api/scopes.ts';
import type { CommandResult } from '#protocol/catalogue/catalogue.ts';
import type { Presence } from '#shared/model/member.ts';
import { until } from '#test/until.ts';
import type { Node } from '../../network/replication/sandbox-fixture.ts';
import { withFolder } from '../../temporary-folder.ts';
import { type ApiRig, withApi } from '../http/rig.ts';

export type Place = CommandResult<'document.open'>;

export interface StockPage {
  readonly doc: Y.Doc;
  readonly provider: WebsocketProvider;
  readonly text: Y.Text;
  /** Code and reason of a close after which it does not come back. */
  closed(): { readonly code: number; readonly reason: string } | undefined;
}

export interface PagesRig extends ApiRig {
  readonly sandbox: RunningSandbox;
  /** What this member told the others. */
  readonly told: Presence[];
  open(document?: string, scopes?: readonly Scope[]): Promise<Place>;
  /** As the README of y-websocket has it. @param place from {@link open} unless given */
  page(place?: Place): Promise<StockPage>;
  /** @param places what it is given first, one for each time it asks; afterwards as from {@link open} */
  shared(document?: string, places?: Place[]): Promise<SharedDocument<WebsocketProvider>>;
}

export function withPages(node: Pick<Node, 'replica'>, use: (rig: PagesRig) => Promise<void>): Promise<void> {
  return withFolder(async (folder) => {
    const told: Presence[] = [];
    const presence = new PresenceTable();
    const { replica } = node;
    const sandbox = {
      id: replica.sandbox,
      replica,
      folder,
      presence,
      announcePresence: () => told.push(presence.get(replica.self) as Presence),
    } as unknown as RunningSandbox;
    const ends: (() => void)[] = [];
    const body = async (rig: ApiRig): Promise<void> => {
      const handler = documentHandlers(async () => rig.api)['document.open'];
      const open = async (document = 'draft/a', scopes: readonly Scope[] = SCOPES): Promise<Place> => {
        const access = { tokenId: 'own', scopes: new Set(scopes), authenticatedAt: Math.floor(Date.now() / 1000) };
        const caller = { member: replica.self, local: true, session: 'test', access };
        const context = { caller, sandbox, folder: join(folder, 'x'), signal: new AbortController().signal };
        return (await handler?.({ document } as never, context)) as Place;
      };
      const page = async (place?: Place): Promise<StockPage> => {
        const stock = stockPage(place ?? (await open()));
        ends.push(() => {
          stock.provider.destroy();
          stock.doc.destroy();
        });
        return stock;
      };
      const shared = async (document = 'draft/a', places: Place[] = []) => {
        const client = { call: async () => places.shift() ?? open(document) };
        const opened = await openDocument(client as unknown as SandmeshClient, {
          document,
          Y,
          WebsocketProvider: WebsocketProvider as never,
          WebSocketPolyfill: WebSocket,
        });
        ends.push(() => opened.close());
        return opened as unknown as SharedDocument<WebsocketProvider>;
      };
      try {
        await use({ ...rig, sandbox, told, open, page, shared });
      } finally {
        for (const end of ends) end();
      }
    };
    await withApi(body, undefined, sandbox);
  });
}

export function stockPage(place: Place): StockPage {
  const doc = new Y.Doc();
  doc.clientID = place.clientId;
  const provider = new WebsocketProvider(place.url, place.room, doc, {
    disableBc: true,
    protocols: place.protocols,
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
  });
  let ended: { readonly code: number; readonly reason: string } | undefined;
  provider.on('closed', (event) => {
    ended = event;
  });
  return { doc, provider, text: doc.getText('text'), closed: () => ended };
}

export async function synced(...pages: readonly StockPage[]): Promise<void> {
  await until(() => pages.every(({ provider }) => provider.synced), 'the pages are synced');
}
