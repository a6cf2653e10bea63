import * as encoding from 'lib0/encoding';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import { WebsocketProvider } from 'y-websocket';
import * as Y from 'yjs';
import type { SandmeshClient } from '#client/sdk/client.ts';
import { openDocument } from '#client/sdk/shared-document.ts';
import { documentProtocols } from '#node/gateway/documents/document-gateway.ts';
import { MESSAGE_RENEW } from '#protocol/api/document-messages.ts';
import { SCOPES } from '#protocol/api/scopes.ts';
import { SandboxError } from '#shared/errors.ts';
import { until } from '#test/until.ts';
import { withSandbox } from '../../network/replication/sandbox-fixture.ts';
import { type Place, synced, withPages } from './pages.ts';

const MINUTE = 60_000;

/** The message by which a page goes on under another access token. */
function renewal(accessToken: string): Uint8Array {
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, MESSAGE_RENEW);
  encoding.writeVarString(encoder, accessToken);
  return encoding.toUint8Array(encoder);
}

test('a page goes on under a fresh access token of its own token only, and is sent away without one', () =>
  withSandbox(async ({ owner }) => {
    await withPages(owner, async ({ api, page, open, access, advance }) => {
      const others = api.tokens.create({ label: 'other', scopes: SCOPES });
      const [renewed, silent, cheat, reader] = [await page(), await page(), await page(), await page()];
      await synced(renewed, silent, cheat, reader);
      advance(14 * MINUTE);
      const next = await access();
      // One that was checked before is taken with its message; else the edit behind it may be read first.
      await api.tokens.verify(next);
      renewed.provider.ws?.send(renewal(next));
      cheat.provider.ws?.send(renewal((await api.tokens.exchange(others.token)).accessToken));
      renewed.text.insert(0, 'in time ');
      await until(() => reader.text.toString() === 'in time ', 'it goes on');
      advance(2 * MINUTE);
      for (const { text } of [renewed, silent, cheat]) text.insert(0, 'later ');
      for (const { closed } of [silent, cheat]) assert.is((await until(closed, 'sent away')).code, 4401);
      assert.is(renewed.closed(), undefined);
      const fresh = await page(await open());
      await until(() => fresh.text.toString() === 'later in time ', 'only what the renewed one wrote is there');
    });
  }));

test('the sdk opens a document again whose token ended while the daemon could not be asked for another', () =>
  withSandbox(async ({ owner }) => {
    await withPages(owner, async ({ open, page, advance }) => {
      const reader = await page();
      let away = 0;
      const call = async (): Promise<Place> => {
        if (away-- > 0) throw new SandboxError('DAEMON_UNREACHABLE', 'it starts again');
        return open();
      };
      const client = { call } as unknown as SandmeshClient;
      const shared = await openDocument(client, {
        document: 'draft/a',
        Y,
        WebsocketProvider: WebsocketProvider as never,
        WebSocketPolyfill: WebSocket,
      });
      try {
        shared.doc.getText('text').insert(0, 'one');
        await until(() => reader.text.toString() === 'one', 'it is open');
        advance(16 * MINUTE);
        away = 1;
        shared.doc.getText('text').insert(3, ' two');
        const back = await page(await open());
        await until(() => back.text.toString() === 'one two', 'it came back', 10_000);
      } finally {
        shared.close();
      }
    });
  }));

test('a page of a revoked token is sent away at once, though it says nothing', () =>
  withSandbox(async ({ owner }) => {
    await withPages(owner, async ({ api, page, open }) => {
      const { token, info } = api.tokens.create({ label: 'gone', scopes: SCOPES });
      const { accessToken } = await api.tokens.exchange(token);
      const [ended, other] = [
        await page({ ...(await open()), protocols: documentProtocols(accessToken) }),
        await page(),
      ];
      await synced(ended, other);
      api.tokens.revoke(info.id);
      // The next heartbeat, which looks at every grant, is up to 12 s away.
      assert.is((await until(ended.closed, 'sent away', 5_000)).code, 4401);
      assert.is(other.closed(), undefined);
    });
  }));

test.run();
