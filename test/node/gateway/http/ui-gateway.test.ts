import { once } from 'node:events';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import type { CommandRequest, Origin } from '#node/pipeline/request.ts';
import type { Scope } from '#protocol/api/scopes.ts';
import {
  BEARER_PROTOCOL_PREFIX,
  MAX_UI_MESSAGE_BYTES,
  UI_PROTOCOL,
  type UiCommand,
  uiEventSchema,
  uiResponseSchema,
} from '#protocol/api/ui-messages.ts';
import { SandboxError } from '#shared/errors.ts';
import type { SandboxId } from '#shared/ids.ts';
import { type ApiRig, HERE, type Json, withApi } from './rig.ts';

const THERE = 'cd'.repeat(20) as SandboxId;

class Page {
  readonly socket: WebSocket;
  readonly events: Json[] = [];
  readonly #waiting = new Map<string, (payload: Json) => void>();
  #next = 1;
  #arrived: () => void = () => undefined;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data) => this.#take(JSON.parse(String(data))));
  }

  send(payload: UiCommand['payload'] | object, id = `c${this.#next++}`): Promise<Json> {
    const answered = new Promise<Json>((resolve) => this.#waiting.set(id, resolve));
    this.socket.send(JSON.stringify({ type: 'command', id, timestamp: 1, payload }));
    return answered;
  }

  /** The result; a refusal throws. */
  async ask(payload: UiCommand['payload'] | object): Promise<Json> {
    const answer = await this.send(payload);
    if (!answer['ok']) throw new Error(String(answer['error']?.['code']));
    return answer['result'] as Json;
  }

  async received(count: number): Promise<Json[]> {
    while (this.events.length < count) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
    return this.events;
  }

  #take(message: Json): void {
    if (String(message['type']) === 'event') {
      uiEventSchema.parse(message);
      this.events.push(message['payload'] as Json);
      return this.#arrived();
    }
    uiResponseSchema.parse(message);
    this.#waiting.get(String(message['id']))?.(message['payload'] as Json);
  }
}

async function open(rig: ApiRig, scopes?: readonly Scope[]): Promise<Page> {
  const access = await rig.access(scopes);
  const socket = new WebSocket(`${rig.api.origin.replace('http', 'ws')}/api/v1/ws`, [
    UI_PROTOCOL,
    BEARER_PROTOCOL_PREFIX + access,
  ]);
  await once(socket, 'open');
  return new Page(socket);
}

const api = (use: (rig: ApiRig) => Promise<unknown>, run?: (request: CommandRequest) => Promise<unknown>) => () =>
  withApi(use, run);

const say = (rig: ApiRig, text: string, sandbox = HERE) => rig.hub.publish(sandbox, 'notices', { level: 'info', text });

test(
  'a command is answered under its id, a failure with its code',
  api(async (rig) => {
    const page = await open(rig);
    assert.is(page.socket.protocol, UI_PROTOCOL);
    const result = await page.ask({ action: 'call', command: 'chat.send', args: { text: 'hi' }, sandbox: HERE });
    assert.is(result['asked'], 'chat.send');
    assert.match(rig.requests[0]?.session ?? '', /^ws-/);
    const failed = await page.send({ action: 'call', command: 'x', args: { name: 'fail' } });
    assert.equal(failed['error'], { code: 'NOT_PAUSED', message: 'it runs', hint: 'pause it' });
    assert.is((await page.send({ action: 'dance' }))['error']?.['code'], 'BAD_ARGUMENT');
  }),
);

test(
  'who has no valid access token gets no socket',
  api(async (rig) => {
    for (const protocols of [[UI_PROTOCOL], [UI_PROTOCOL, 'bearer.x'], [UI_PROTOCOL, `bearer.${rig.token}`]]) {
      const socket = new WebSocket(`${rig.api.origin.replace('http', 'ws')}/api/v1/ws`, protocols);
      const [error] = await once(socket, 'error');
      assert.match(String(error), /401/);
    }
  }),
);

test(
  'a token’s scopes hold for calls and subscriptions',
  api(async (rig) => {
    const page = await open(rig, ['debug']);
    assert.is((await page.send({ action: 'subscribe', topics: ['notices'] }))['error']?.['code'], 'FORBIDDEN');
    await page.ask({ action: 'call', command: 'chat.send', args: {} });
    const { access, ...origin } = (rig.requests[0] as CommandRequest).origin as Extract<Origin, { kind: 'local' }>;
    assert.equal(origin, { kind: 'local', scopes: new Set(['debug']) });
    assert.is(access?.tokenId, 'own');
  }),
);

test(
  'events arrive by topic and sandbox, and stop when nobody listens',
  api(async (rig) => {
    const page = await open(rig);
    await page.ask({ action: 'subscribe', topics: ['notices'], sandbox: HERE });
    say(rig, 'one');
    say(rig, 'elsewhere', THERE);
    rig.hub.publish(HERE, 'output', { lines: [] });
    say(rig, 'two');
    const events = await page.received(2);
    assert.equal(
      events.map((event) => event['event']?.['text']),
      ['one', 'two'],
    );
    await page.ask({ action: 'subscribe', topics: [], sandbox: HERE });
    assert.not.ok(rig.hub.wanted(HERE, 'notices') && page.events.length > 2);
    say(rig, 'three');
    await page.ask({ action: 'call', command: 'x', args: {} });
    assert.is(page.events.length, 2);
  }),
);

test(
  'a client that was away goes on from its cursor',
  api(async (rig) => {
    const first = await open(rig);
    await first.ask({ action: 'subscribe', topics: ['notices'] });
    say(rig, 'seen');
    const cursor = (await first.received(1))[0]?.['cursor'];
    first.socket.terminate();
    await once(first.socket, 'close');
    say(rig, 'missed 1');
    say(rig, 'missed 2');
    const second = await open(rig);
    const subscribed = await second.ask({ action: 'subscribe', topics: ['notices'], after: cursor });
    assert.equal([subscribed['complete'], subscribed['replayed']], [true, 2]);
    say(rig, 'live');
    const texts = (await second.received(3)).map((event) => event['event']?.['text']);
    assert.equal(texts, ['missed 1', 'missed 2', 'live']);
    for (const foreign of ['nonsense', 'abcd.1', '.', `${String(cursor).split('.')[0]}.999999`]) {
      const page = await open(rig);
      assert.is((await page.ask({ action: 'subscribe', topics: ['notices'], after: foreign }))['complete'], false);
    }
  }),
);

test(
  'a cursor from before anybody listened is not complete',
  api(async (rig) => {
    const page = await open(rig);
    const { cursor } = await page.ask({ action: 'subscribe', topics: [] });
    say(rig, 'kept by nobody');
    const subscribed = await page.ask({ action: 'subscribe', topics: ['notices'], after: cursor });
    assert.equal([subscribed['complete'], subscribed['replayed']], [false, 0]);
    const again = await page.ask({ action: 'subscribe', topics: ['notices'], after: subscribed['cursor'] });
    assert.is(again['complete'], true);
  }),
);

test(
  'scopes that overlap go on from a cursor without bringing anything twice, or leaving anything out',
  api(async (rig) => {
    const first = await open(rig);
    const { cursor } = await first.ask({ action: 'subscribe', topics: ['notices', 'chat'] });
    say(rig, 'one');
    say(rig, 'there', THERE);
    const later = (await first.received(2))[0]?.['cursor'];
    const again = await open(rig);
    const missed = async (scope: object, after: unknown): Promise<unknown> =>
      (await again.ask({ action: 'subscribe', topics: ['notices'], after, ...scope }))['replayed'];
    assert.is(await missed({ sandbox: HERE }, later), 0);
    assert.is(await missed({}, cursor), 2, 'the first was before what that scope heard');
    assert.is(await missed({ folder: '/here' }, cursor), 0);
    assert.is(await missed({ sandbox: THERE }, cursor), 0);
    say(rig, 'two');
    assert.equal(
      (await again.received(3)).map((event) => event['event']?.['text']),
      ['one', 'there', 'two'],
    );
  }),
);

test('a call ends when it is cancelled or its client goes', async () => {
  const aborted: string[] = [];
  const wait = (request: CommandRequest): Promise<unknown> =>
    new Promise((_resolve, reject) =>
      request.signal.addEventListener('abort', () => {
        aborted.push(request.command);
        reject(request.signal.reason);
      }),
    );
  await withApi(async (rig) => {
    const page = await open(rig);
    const call = page.send({ action: 'call', command: 'one', args: {} }, 'slow');
    while (rig.requests.length < 1) await new Promise((resolve) => setImmediate(resolve));
    await page.ask({ action: 'cancel', id: 'slow' });
    assert.is((await call)['error']?.['code'], 'CANCELLED');
    void page.send({ action: 'call', command: 'two', args: {} });
    while (rig.requests.length < 2) await new Promise((resolve) => setImmediate(resolve));
    page.socket.terminate();
    while (aborted.length < 2) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(aborted, ['one', 'two']);
    assert.equal(rig.ended, [rig.requests[1]?.session]);
    // Both in one packet: the call must be known when its cancellation comes.
    const hasty = await open(rig);
    const early = hasty.send({ action: 'call', command: 'three', args: {} }, 'early');
    await hasty.ask({ action: 'cancel', id: 'early' });
    assert.is((await early)['error']?.['code'], 'CANCELLED');
  }, wait);
});

test(
  'what is no message ends the connection, and only that one',
  api(async (rig) => {
    const other = await open(rig);
    for (const bytes of ['{', new Uint8Array([1, 2]), 'x'.repeat(2_000_000)]) {
      const page = await open(rig);
      page.socket.send(bytes);
      const [code] = await once(page.socket, 'close');
      assert.ok([1003, 1009].includes(code as number), String(code));
    }
    for (const text of ['[]', '1', '{}', '{"type":"command"}', '{"type":"command","id":7}']) {
      const page = await open(rig);
      page.socket.send(text);
      const [data] = await once(page.socket, 'message');
      assert.is(JSON.parse(String(data)).payload.error.code, 'BAD_ARGUMENT', text);
    }
    await other.ask({ action: 'call', command: 'x', args: {} });
  }),
);

test(
  'a message may be as large as a body over REST; one that is larger is refused by its id, and the connection goes on',
  api(async (rig) => {
    const page = await open(rig);
    const limit = MAX_UI_MESSAGE_BYTES;
    const text = 'x'.repeat(limit - 1_000);
    await page.ask({ action: 'call', command: 'x', args: { text } });
    assert.is((await rig.ask('POST', '/api/v1/commands/chat.send', { body: { args: { text } } })).status, 200);
    const larger = { args: { text: 'x'.repeat(limit) } };
    const { status, body } = await rig.ask('POST', '/api/v1/commands/chat.send', { body: larger });
    assert.equal([status, body['code']], [413, 'FRAME_TOO_LARGE']);
    const refused = await page.send({ action: 'call', command: 'x', ...larger }, 'a "large" one'.replaceAll('"', ''));
    assert.is(refused['error']?.['code'], 'FRAME_TOO_LARGE');
    for (const [message, id] of [
      [`{ "id" : "y 1", "text": "${text}${text}" }`, 'y 1'],
      [`{"text": "${text}${text}", "id": "y"}`, '?'],
    ] as const) {
      const answered = once(page.socket, 'message');
      page.socket.send(message);
      assert.is(JSON.parse(String((await answered)[0])).id, id);
    }
    await page.ask({ action: 'call', command: 'x', args: {} });
    await page.ask({ action: 'ping' });
  }),
);

test(
  'who does not read is told how much it missed, and others miss nothing',
  api(async (rig) => {
    const [slow, quick] = [await open(rig), await open(rig)];
    for (const page of [slow, quick]) await page.ask({ action: 'subscribe', topics: ['notices'] });
    slow.socket.pause();
    const text = 'x'.repeat(100_000);
    for (let i = 0; i < 200; i++) {
      say(rig, `${i} ${text}`);
      await quick.received(i + 1);
    }
    slow.socket.resume();
    while (String(slow.events.at(-1)?.['kind']) !== 'lagged') await slow.received(slow.events.length + 1);
    const dropped = Number(slow.events.at(-1)?.['dropped']);
    assert.ok(dropped > 0, 'events were dropped');
    assert.is(slow.events.length - 1 + dropped, 200);
    assert.is(quick.events.filter((event) => String(event['kind']) === 'lagged').length, 0);
  }),
);

test(
  'a socket lives as long as its token, and can be renewed',
  api(async (rig) => {
    const { token, info } = rig.api.tokens.create({ label: 'x', scopes: ['read'] });
    const access = (await rig.api.tokens.exchange(token)).accessToken;
    const socket = new WebSocket(`${rig.api.origin.replace('http', 'ws')}/api/v1/ws`, {
      headers: { authorization: `Bearer ${access}` },
    });
    await once(socket, 'open');
    const page = new Page(socket);
    await page.ask({ action: 'renew', accessToken: (await rig.api.tokens.exchange(access)).accessToken });
    assert.is((await page.send({ action: 'renew', accessToken: await rig.access() }))['error']?.['code'], 'FORBIDDEN');
    await page.ask({ action: 'subscribe', topics: ['notices'] });
    const other = await open(rig);
    const closed = once(page.socket, 'close');
    rig.api.tokens.revoke(info.id);
    say(rig, 'not for it any more');
    assert.is((await closed)[0], 1008, 'at once, whether it says something or not');
    assert.is(page.events.length, 0);
    await other.ask({ action: 'call', command: 'x', args: {} });
  }),
);

test(
  'a socket that goes on under fewer scopes has no more than those, and hears nothing without "read"',
  api(async (rig) => {
    const page = await open(rig);
    await page.ask({ action: 'subscribe', topics: ['notices'] });
    await page.ask({ action: 'renew', accessToken: await rig.access(['debug']) });
    say(rig, 'not for it any more');
    await page.ask({ action: 'call', command: 'x', args: {} });
    assert.equal(page.events, []);
    assert.is((await page.send({ action: 'subscribe', topics: ['notices'] }))['error']?.['code'], 'FORBIDDEN');
  }),
);

test('stopping says goodbye to every client', async () => {
  let closed: Promise<unknown[]> | undefined;
  await withApi(async (rig) => {
    const page = await open(rig);
    closed = once(page.socket, 'close');
  });
  assert.is((await closed)?.[0], 1001);
});

test('errors of the pipeline keep their own words', async () => {
  await withApi(
    async (rig) => {
      const page = await open(rig);
      const answer = await page.send({ action: 'call', command: 'x', args: {} });
      assert.is(answer['error']?.['code'], 'LEASE_HELD');
    },
    async () => {
      throw new SandboxError('LEASE_HELD', 'somebody drives');
    },
  );
});

test.run();
