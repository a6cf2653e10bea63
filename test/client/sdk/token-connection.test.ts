import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import * as Y from 'yjs';
import type { SandmeshClient } from '#client/sdk/client.ts';
import { connectWithToken } from '#client/sdk/sdk.ts';
import { type DocumentOptions, openDocument, type ProviderLike } from '#client/sdk/shared-document.ts';
import { connectWithToken as connectOver } from '#client/sdk/token-connection.ts';
import type { CommandRequest } from '#node/pipeline/request.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import { failure } from '../../node/failure.ts';
import { type ApiRig, HERE, withApi } from '../../node/gateway/http/rig.ts';

const withClient =
  (
    use: (client: SandmeshClient, rig: ApiRig) => Promise<unknown>,
    run?: (request: CommandRequest) => Promise<unknown>,
  ) =>
  () =>
    withApi(async (rig) => {
      const client = await connectWithToken({
        origin: rig.api.origin,
        token: rig.token,
        scope: { sandbox: HERE },
        reconnect: true,
      });
      try {
        await use(client, rig);
      } finally {
        client.close();
      }
    }, run);

test(
  'call() reaches the pipeline with the scope and gives its result',
  withClient(async (client, { requests }) => {
    const result = await client.call('chat.list', { limit: 3 });
    assert.is((result as unknown as { asked: string }).asked, 'chat.list');
    assert.equal([requests[0]?.sandbox, requests[0]?.args], [HERE, { limit: 3 }]);
  }),
);

test(
  'call() rejects with the daemon’s own error',
  withClient(
    async (client) => {
      const error = await failure(() => client.call('execution.step', { kind: 'over' }));
      assert.equal([error.code, error.hint], ['NOT_PAUSED', 'Pause it first.']);
    },
    async () => {
      throw new SandboxError('NOT_PAUSED', 'Cannot step', { hint: 'Pause it first.' });
    },
  ),
);

test('an aborted signal cancels the call at the daemon too', async () => {
  let aborted = false;
  const wait = (request: CommandRequest): Promise<unknown> =>
    new Promise((_resolve, reject) =>
      request.signal.addEventListener('abort', () => {
        aborted = true;
        reject(request.signal.reason);
      }),
    );
  await withClient(async (client, { requests }) => {
    const controller = new AbortController();
    const call = failure(() => client.call('chat.list', {}, { signal: controller.signal }));
    while (requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
    controller.abort(new SandboxError('CANCELLED', 'enough'));
    assert.is((await call).message, 'enough');
    while (!aborted) await new Promise((resolve) => setImmediate(resolve));
  }, wait)();
});

test(
  'subscribe() yields the events of its topics, typed and in order',
  withClient(async (client, { hub }) => {
    const notices = client.subscribe('notices');
    await client.call('chat.list', {});
    for (const text of ['one', 'two']) hub.publish(HERE, 'notices', { level: 'info', text });
    assert.is((await notices.next()).value?.event.text, 'one');
    assert.is((await notices.next()).value?.event.text, 'two');
  }),
);

test(
  'another subscription brings nothing again, and nothing from before it',
  withClient(async (client, { hub }) => {
    const say = (text: string): void => hub.publish(HERE, 'notices', { level: 'info', text });
    const chat = (text: string): void => hub.publish(HERE, 'chat', { line: { member: 1 as MemberId, text, at: 1 } });
    const notices = client.subscribe('notices');
    await client.call('chat.list', {});
    say('one');
    assert.is((await notices.next()).value?.event.text, 'one');
    chat('before');
    const lines = client.subscribe('chat');
    // On its way before the daemon hears of the second subscription.
    say('two');
    await client.call('chat.list', {});
    chat('after');
    assert.is((await lines.next()).value?.event.line.text, 'after');
    say('three');
    assert.is((await notices.next()).value?.event.text, 'two');
    assert.is((await notices.next()).value?.event.text, 'three');
  }),
);

test('after a loss it goes on where it was, also when what could end its first connecting has ended', async () => {
  await withApi(async ({ api, token, hub }) => {
    const say = (text: string): void => hub.publish(HERE, 'notices', { level: 'info', text });
    const sockets: WebSocket[] = [];
    const webSocket = (url: string, protocols: string[]): WebSocket => {
      sockets.push(new WebSocket(url, protocols));
      return sockets.at(-1) as WebSocket;
    };
    const first = new AbortController();
    const options = { origin: api.origin, token, scope: { sandbox: HERE }, reconnect: true, webSocket };
    const client = await connectOver({ ...options, signal: first.signal });
    try {
      first.abort(new SandboxError('TIMEOUT', 'connecting took too long'));
      const notices = client.subscribe('notices');
      await client.call('chat.list', {});
      say('one');
      assert.is((await notices.next()).value?.event.text, 'one');
      const back = client.events.next('connected', { signal: AbortSignal.timeout(10_000) });
      sockets[0]?.terminate();
      await client.events.next('lost');
      say('missed');
      await back;
      assert.is((await notices.next()).value?.event.text, 'missed');
    } finally {
      client.close();
    }
  });
});

test('a subscription that is refused throws the daemon’s own error, and the client goes on', async () => {
  await withApi(async ({ api }) => {
    const { code } = api.tokens.createCode(['debug']);
    const client = await connectWithToken({ origin: api.origin, code, reconnect: true });
    try {
      let lost = 0;
      client.events.on('lost', () => lost++);
      const [one, two] = [client.subscribe('notices'), client.subscribe('chat')];
      for (const subscription of [one, two]) assert.is((await failure(() => subscription.next())).code, 'FORBIDDEN');
      await client.call('chat.list', {});
      assert.is(lost, 0);
    } finally {
      client.close();
    }
  });
});

test('a document is opened where the client reaches the daemon, which knows itself by another name', async () => {
  const place = {
    document: 'draft/a',
    url: 'ws://127.0.0.1:1/api/v1/documents',
    room: 'x',
    clientId: 5,
    protocols: [],
    expiresInSeconds: 900,
    writable: true,
  };
  await withClient(
    async (client, { api }) => {
      const opened: string[] = [];
      class Provider {
        readonly messageHandlers = [];
        readonly awareness = { destroy: () => undefined };
        readonly on = (): void => undefined;
        readonly destroy = (): void => undefined;
        constructor(url: string) {
          opened.push(url);
        }
      }
      const shared = await openDocument(client, {
        document: 'draft/a',
        Y,
        WebsocketProvider: Provider as unknown as DocumentOptions<ProviderLike>['WebsocketProvider'],
      });
      shared.close();
      assert.equal(opened, [`${api.origin.replace('http', 'ws')}/api/v1/documents`]);
    },
    async () => place,
  )();
});

test('who listens is told that its token was revoked, instead of trying again for ever', () =>
  withApi(async ({ api }) => {
    const { token, info } = api.tokens.create({ label: 'x', scopes: ['read'] });
    const client = await connectWithToken({ origin: api.origin, token, reconnect: true });
    try {
      const notices = client.subscribe('notices');
      await client.call('chat.list', {});
      const next = failure(() => notices.next());
      api.tokens.revoke(info.id);
      assert.is((await next).code, 'UNAUTHENTICATED');
      assert.is((await failure(() => client.subscribe('notices').next())).code, 'UNAUTHENTICATED');
      assert.is((await failure(() => client.call('chat.list', {}))).code, 'UNAUTHENTICATED');
    } finally {
      client.close();
    }
  }));

test('a code opens one client; a wrong token and a dead address say what to do', async () => {
  await withApi(async ({ api }) => {
    const { code } = api.tokens.createCode(['read']);
    (await connectWithToken({ origin: api.origin, code })).close();
    const again = await failure(() => connectWithToken({ origin: api.origin, code }));
    assert.is(again.code, 'UNAUTHENTICATED');
    const dead = await failure(() => connectWithToken({ origin: 'http://127.0.0.1:1', token: 'x' }));
    assert.is(dead.code, 'DAEMON_UNREACHABLE');
    assert.match(dead.hint ?? '', 'sandmesh status');
  });
});

test('an address where something else answers is said to be that', async () => {
  const server = createServer((_request, response) => response.end('<html>'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const error = await failure(() => connectWithToken({ origin, token: 'x' }));
    assert.is(error.code, 'DAEMON_UNREACHABLE');
    assert.match(error.message, /no local API/);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

test('the client notices that the daemon goes away', async () => {
  let lost: Promise<SandboxError> | undefined;
  let client: SandmeshClient | undefined;
  await withApi(async (rig) => {
    const opened = await connectWithToken({ origin: rig.api.origin, token: rig.token });
    client = opened;
    lost = new Promise((resolve) => opened.events.on('lost', resolve));
  });
  assert.is((await lost)?.code, 'DAEMON_UNREACHABLE');
  client?.close();
});

test.run();
