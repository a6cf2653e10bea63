// test: limit 120 s
/** Stock y-websocket clients through the gateway: rights, ids, generations, awareness, and what becomes of their edits. */

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import * as Y from 'yjs';
import {
  MESSAGE_AWARENESS,
  MESSAGE_QUERY_AWARENESS,
  MESSAGE_SYNC,
  SYNC_STEP_1,
  SYNC_STEP_2,
} from '#protocol/api/document-messages.ts';
import { clientIdOf } from '#shared/documents/client-id.ts';
import { until, within } from '#test/until.ts';
import { failure } from '../../failure.ts';
import { level, link, withSandbox } from '../../network/replication/sandbox-fixture.ts';
import { synced, withPages } from './pages.ts';

const states = (page: { provider: { awareness: { getStates(): Map<number, unknown> } } }) =>
  [...page.provider.awareness.getStates().values()] as { user?: { name?: string }; member?: { id: number } }[];

test('two stock clients edit one document: signed as chains of the member, replicated, each under its own id', () =>
  withSandbox(async ({ owner, join }) => {
    const editor = await join('editor');
    link(owner, editor);
    await withPages(owner, async ({ page }) => {
      const [a, b] = [await page(), await page()];
      await synced(a, b);
      a.text.insert(0, 'left ');
      await until(() => b.text.toString() === 'left ', 'the other page has it');
      b.text.insert(5, 'right');
      await until(() => a.text.toString() === 'left right', 'and back');
      await until(() => editor.replica.document('draft/a').getText('text').toString() === 'left right', 'the editor');
      const chains = owner.replica.heads().map(({ member, incarnation }) => clientIdOf(member, incarnation));
      assert.equal(chains.sort(), [a.doc.clientID, b.doc.clientID].sort());
      assert.equal([...a.doc.store.clients.keys()].sort(), chains.sort());
      await editor.replica.edit('draft/a', (doc) => doc.getText('text').insert(0, '> '));
      await until(() => a.text.toString() === '> left right' && b.text.toString() === '> left right', 'from elsewhere');
    });
  }));

test('a draft is opened by its one name: under another spelling of the path nobody else would be in it', () =>
  withSandbox(async ({ owner }) => {
    await owner.replica.edit('draft/./before', (doc) => doc.getText('text').insert(0, 'x'));
    await withPages(owner, async ({ open }) => {
      for (const name of ['draft/../a', 'draft/./a', 'draft//a', 'draft/a/', 'draft/src/../a']) {
        const { code, hint } = await failure(() => open(name));
        assert.is(code, 'BAD_ARGUMENT', name);
        assert.match(hint ?? '', /draft list/);
      }
      for (const name of ['draft/src/..a', 'draft/.env', 'draft/./before', 'debug']) await open(name);
    });
  }));

test('a document of 5 MB is pasted into one page and read by another', () =>
  withSandbox(async ({ owner }) => {
    await withPages(owner, async ({ page }) => {
      const a = await page();
      await synced(a);
      const pasted = 'five megabytes of text, line by line\n'.repeat(141_000);
      assert.ok(pasted.length > 5 * 1024 * 1024 * 0.99);
      a.text.insert(0, pasted);
      const b = await page();
      await until(() => b.text.length === pasted.length, 'the other page has all of it', 30_000);
      assert.is(b.text.toString(), pasted);
      b.text.insert(4, '!');
      await until(() => a.text.toString().startsWith('five!'), 'and goes on');
    });
  }));

test('a viewer reads, what it writes is refused with a reason, and taken once its role allows it', () =>
  withSandbox(async ({ owner, join }) => {
    const guest = await join('viewer');
    link(owner, guest);
    await owner.replica.edit('draft/a', (doc) => doc.getText('text').insert(0, 'read me'));
    await until(() => level([owner, guest]), 'level');
    await withPages(guest, async ({ open, shared }) => {
      assert.is((await open()).writable, false);
      const opened = await shared();
      await until(() => opened.doc.getText('text').toString() === 'read me', 'it reads');
      const refused = within(opened.events.next('refused'), 'a reason');
      opened.doc.getText('text').insert(0, 'please ');
      assert.match((await refused).reason, /your role is "viewer"/);
      assert.is(opened.isDurable, false);
      await owner.replica.authority?.setRole(guest.replica.self, 'editor');
      await until(() => owner.replica.document('draft/a').getText('text').toString() === 'please read me', 'taken');
      await within(opened.durable(), 'durable');
    });
  }));

test('a token without the scope reads only', () =>
  withSandbox(async ({ owner }) => {
    await owner.replica.edit('draft/a', (doc) => doc.getText('text').insert(0, 'x'));
    await withPages(owner, async ({ open, page }) => {
      const a = await page(await open('draft/a', ['read']));
      await until(() => a.text.toString() === 'x', 'it reads');
      a.text.insert(1, 'y');
      const b = await page();
      await synced(b);
      b.text.insert(0, '>');
      await until(() => a.text.toString() === '>xy', 'the first page goes on hearing');
      assert.is(owner.replica.document('draft/a').getText('text').toString(), '>x');
    });
  }));

test('a struct under a foreign id is left out and reported; the page it came from is not trusted with another', () =>
  withSandbox(async ({ owner }) => {
    await withPages(owner, async ({ shared }) => {
      const opened = await shared();
      await until(() => opened.provider.synced, 'synced');
      const refused = within(opened.events.next('refused'), 'a report');
      const stranger = new Y.Doc();
      stranger.getText('text').insert(0, 'forged');
      Y.applyUpdate(opened.doc, Y.encodeStateAsUpdate(stranger));
      assert.match((await refused).reason, /6 clocks under ids that are not this page's/);
      assert.is(owner.replica.document('draft/a').getText('text').toString(), '');
    });
  }));

test('what cannot be shared ends the connection with a reason, and the document is opened again without it', () =>
  withSandbox(async ({ owner }) => {
    await withPages(owner, async ({ page, shared }) => {
      const opened = await shared();
      await until(() => opened.provider.synced, 'synced');
      opened.doc.getText('text').insert(0, 'plain');
      await opened.durable();
      const before = opened.doc.clientID;
      const replaced = within(opened.events.next('replaced'), 'it is opened again');
      opened.doc.getText('text').format(0, 5, { bold: true });
      await replaced;
      assert.is(opened.doc.getText('text').toString(), 'plain');
      assert.is.not(opened.doc.clientID, before);
      const stock = await page();
      await synced(stock);
      stock.text.format(0, 5, { bold: true });
      assert.is((await until(() => stock.closed(), 'closed')).code, 4422);
    });
  }));

test('an edit larger than a message is refused once, and the document is opened again without it', () =>
  withSandbox(async ({ owner }) => {
    await withPages(owner, async ({ shared }) => {
      const opened = await shared();
      await until(() => opened.provider.synced, 'synced');
      opened.doc.getText('text').insert(0, 'plain');
      await opened.durable();
      const [refused, replaced] = [opened.events.next('refused'), opened.events.next('replaced')];
      opened.doc.getText('text').insert(0, 'x'.repeat(32 * 1024 * 1024));
      assert.match((await within(refused, 'it hears why')).reason, /larger than 32 MiB/);
      await within(replaced, 'it is opened again');
      assert.is(opened.doc.getText('text').toString(), 'plain');
    });
  }));

test('a rebuilt document: stale rooms are refused before sync, unsent edits are made again, once', () =>
  withSandbox(async ({ owner, join }) => {
    const [honest, mallory] = [await join('editor'), await join('editor')];
    const nodes = [owner, honest, mallory];
    const first = [link(owner, honest), link(owner, mallory)];
    await owner.replica.edit('draft/a', (doc) => doc.getText('text').insert(0, 'BASE'));
    await until(() => level(nodes) && honest.replica.control.members.size === 3, 'level');
    for (const pair of first) pair.cut();
    link(honest, mallory);
    await withPages(honest, async ({ open, page, shared }) => {
      const stock = await page();
      const opened = await shared();
      const text = () => opened.doc.getText('text');
      await until(() => text().toString() === 'BASE', 'synced');
      await mallory.replica.edit('draft/a', (doc) => doc.getText('text').insert(2, 'EVIL'));
      await until(() => text().toString() === 'BAEVILSE', 'the page sees it');
      text().insert(4, 'sent');
      await opened.durable();
      const stale = await open();
      // Away when it happens, with edits of its own.
      const old = opened.doc;
      opened.provider.disconnect();
      text().insert(0, 'unsent ');
      text().delete(text().length - 1, 1);
      await owner.replica.authority?.revoke(mallory.replica.self);
      link(owner, honest);
      await until(() => honest.replica.document('draft/a').getText('text').toString() === 'BAsentSE', 'it is cut');
      assert.is((await until(() => stock.closed(), 'the stock page is sent away')).code, 4409);
      const replaced = within(opened.events.next('replaced'), 'opened again');
      opened.provider.connect();
      await replaced;
      assert.is.not(opened.doc, old);
      assert.is(text().toString(), 'unsent BAsentS');
      await until(() => owner.replica.document('draft/a').getText('text').toString() === 'unsent BAsentS', 'shared');
      const late = await page(stale);
      assert.is((await until(() => late.closed(), 'refused')).code, 4409);
      assert.is(late.text.toString(), '');
    });
  }));

test('a document that is built anew while it is opened again is opened once more; closing ends all of it', () =>
  withSandbox(async ({ owner }) => {
    await withPages(owner, async ({ api, open, shared }) => {
      const stale = await open();
      const past = { ...stale, room: stale.room.replace(/[0-9a-f]{8}\./, '00000001.') };
      const opened = await shared('draft/a', [past, past]);
      opened.doc.getText('text').insert(0, 'mine');
      await within(opened.events.next('replaced'), 'opened at last', 10_000);
      assert.is(opened.doc.getText('text').toString(), 'mine');
      await within(opened.durable(), 'durable');

      const never = await shared('draft/b', [past, ...Array<typeof past>(1_000).fill(past)]);
      never.doc.getText('text').insert(0, 'lost');
      const waiting = failure(() => never.durable());
      await until(() => never.provider.ws === null, 'it has been sent away');
      never.close();
      assert.is((await within(waiting, 'told')).code, 'CANCELLED');
      await until(() => api.documents.clients === 1, 'only the other one is connected');
    });
  }));

test('awareness reaches the others as the member who it is, whatever the page claims, and leaves with the page', () =>
  withSandbox(async ({ owner }) => {
    await withPages(owner, async ({ page, told, sandbox }) => {
      const [a, b] = [await page(), await page()];
      await synced(a, b);
      const member = { id: 99, name: 'somebody else' };
      a.provider.awareness.setLocalState({ cursor: 7, user: { name: 'the owner', color: '#123456' }, member });
      const seen = await until(() => states(b).find((state) => 'cursor' in state), 'the other page sees it');
      assert.is(seen.user?.name, 'ada');
      assert.is(seen.member?.id, 1);
      await until(() => told.at(-1)?.pages?.some(({ state }) => state['cursor'] === 7), 'the other members are told');
      assert.is(told.at(-1)?.pages?.find(({ state }) => state['cursor'] === 7)?.client, a.doc.clientID);
      a.provider.destroy();
      await until(() => states(b).every((state) => !('cursor' in state)), 'it is gone');
      assert.is(sandbox.presence.get(owner.replica.self)?.pages?.length, 1);
    });
  }));

test('a page that asks again and again is answered once for all, and for the document once more after that', () =>
  withSandbox(async ({ owner }) => {
    await withPages(owner, async ({ open, page }) => {
      const stock = await page();
      await synced(stock);
      stock.text.insert(0, 'all of it');
      const { url, room, protocols } = await open();
      const socket = new WebSocket(`${url}/${room}`, protocols);
      const answers: Uint8Array[] = [];
      let told = 0;
      let pong = false;
      socket.on('message', (data: Buffer) => {
        if (data[0] === MESSAGE_SYNC && data[1] === SYNC_STEP_2) answers.push(data);
        if (data[0] === MESSAGE_AWARENESS) told++;
      });
      socket.on('pong', () => {
        pong = true;
      });
      await once(socket, 'open');
      await until(() => told > 0, 'it has heard where the others are');
      const tcp = (socket as unknown as { _socket: Socket })._socket;
      tcp.cork();
      for (let i = 0; i < 50; i++) {
        socket.send(new Uint8Array([MESSAGE_SYNC, SYNC_STEP_1, 1, 0]));
        socket.send(new Uint8Array([MESSAGE_QUERY_AWARENESS]));
      }
      tcp.uncork();
      await until(() => answers.length > 1 && told > 1, 'the last ones are answered');
      socket.ping();
      await until(() => pong, 'everything is read');
      assert.is(answers.length, 2);
      // The daemon says it again by itself now and then.
      assert.ok(told < 10, `${told} times`);
      assert.ok(answers.every((answer) => Buffer.from(answer).includes('all of it')));
      socket.close();
      await once(socket, 'close');
    });
  }));

test('a state too large is left out with a reason, and costs the page neither its connection nor its edits', () =>
  withSandbox(async ({ owner }) => {
    await withPages(owner, async ({ page, shared }) => {
      const [opened, other] = [await shared(), await page()];
      await until(() => opened.provider.synced, 'synced');
      const before = opened.doc;
      const refused = within(opened.events.next('refused'), 'it hears why');
      opened.provider.disconnect();
      opened.doc.getText('text').insert(0, 'offline');
      opened.provider.awareness.setLocalState({ user: { avatar: 'x'.repeat(5_000) } });
      opened.provider.connect();
      assert.match((await refused).reason, /awareness state of 5022 characters.*The limit is 4096/);
      await until(() => other.text.toString() === 'offline', 'the edit is there');
      opened.provider.awareness.setLocalState({ cursor: 3 });
      await until(() => states(other).some((state) => 'cursor' in state), 'a smaller one is shown');
      assert.is(opened.doc, before);
    });
  }));

test('a page that says where it is all the time is heard now and then, and with its last word', () =>
  withSandbox(async ({ owner }) => {
    await withPages(owner, async ({ page, told }) => {
      const [a, b] = [await page(), await page()];
      await synced(a, b);
      const before = told.length;
      const cursors: unknown[] = [];
      b.provider.awareness.on('change', () => {
        const { cursor } = (b.provider.awareness.getStates().get(a.doc.clientID) ?? {}) as { cursor?: number };
        if (cursor !== undefined && cursor !== cursors.at(-1)) cursors.push(cursor);
      });
      for (let cursor = 1; cursor <= 500; cursor++) a.provider.awareness.setLocalState({ cursor });
      await until(() => cursors.at(-1) === 500, 'the last word');
      assert.ok(cursors.length < 100, `${cursors.length} of 500 came through`);
      assert.ok(told.length - before < 100, `other members were told ${told.length - before} times`);
    });
  }));

test('who has a document of a sandbox open that is left is told, though it says nothing, and does not come back', () =>
  withSandbox(async ({ owner }) => {
    await withPages(owner, async ({ page, shared }) => {
      const idle = await page();
      await synced(idle);
      const opened = await shared('draft/b');
      await until(() => opened.provider.synced, 'the sdk has it');
      const refused = within(opened.events.next('refused'), 'a reason', 5_000);
      await owner.replica.stop();
      assert.is((await until(idle.closed, 'sent away', 5_000)).code, 4403);
      assert.match((await refused).reason, /not on this machine/);
    });
  }));

test('no token, another path and a name nobody gave are refused; a token in the query too', () =>
  withSandbox(async ({ owner }) => {
    await withPages(owner, async ({ open }) => {
      const place = await open();
      const refusal = (url: string, protocols: string[]) =>
        new Promise<number>((resolve) => {
          const socket = new WebSocket(url, protocols);
          socket.on('unexpected-response', (_request, response) => {
            response.resume();
            resolve(response.statusCode ?? 0);
          });
          socket.on('close', (code) => resolve(code));
          socket.on('error', () => undefined);
        });
      const url = `${place.url}/${place.room}`;
      assert.is(await refusal(url, ['sandmesh.document.v1']), 401);
      assert.is(await refusal(url, ['sandmesh.document.v1', 'bearer.x.y.z']), 401);
      assert.is(await refusal(`${url}?token=x`, place.protocols), 400);
      assert.is(await refusal(`${place.url}/nothing`, place.protocols), 400);
      const forged = place.room.replace(/[0-9a-f]{8}\./, '00000001.');
      assert.is(await refusal(`${place.url}/${forged}`, place.protocols), 4409);
    });
  }));

test.run();
