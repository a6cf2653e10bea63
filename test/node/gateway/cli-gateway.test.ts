/** Calls over the CLI’s socket, and how clients come and go. */

import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CliGateway } from '#node/gateway/cli-gateway.ts';
import type { CommandRequest } from '#node/pipeline/request.ts';
import { TopicHub } from '#node/sandbox/topic-hub.ts';
import type { SandboxError } from '#shared/errors.ts';
import { failure } from '../failure.ts';
import { withFolder } from '../temporary-folder.ts';
import { answer, HERE, header, notice, openClient, settled, subscribe, until, withGateway } from './cli-rig.ts';

test('a call reaches the pipeline as a local request with everything it came with', () =>
  withGateway(async ({ client, requests }) => {
    const { channel } = await client();
    const result = await channel.call(
      'chat.send',
      { text: 'hi' },
      { sandbox: HERE, folder: '/here', timeoutMs: 5_000 },
    );
    assert.equal(result, { asked: 'chat.send', args: { text: 'hi' } });
    const { signal, ...request } = requests[0] as CommandRequest;
    assert.not(signal.aborted);
    assert.equal(request, {
      command: 'chat.send',
      args: { text: 'hi' },
      origin: { kind: 'local' },
      session: 'cli-1',
      sandbox: HERE,
      folder: '/here',
      timeoutMs: 5_000,
    });
  }));

test('an error crosses with its code and hint, and the connection lives on', () =>
  withGateway(async ({ client }) => {
    const { channel } = await client();
    const error = await failure(() => channel.call('fail.it', {}));
    assert.equal(error.toData(), { code: 'NOT_PAUSED', message: 'it runs', hint: 'pause it' });
    assert.equal(await channel.call('a', {}), { asked: 'a', args: {} });
  }));

test('clients have sessions of their own and are counted as they come and go', () =>
  withGateway(async ({ client, requests, counts, gateway }) => {
    const [one, two] = [await client(), await client()];
    await Promise.all([one.channel.call('a', {}), two.channel.call('b', {})]);
    assert.is(new Set(requests.map(({ session }) => session)).size, 2);
    assert.is(gateway.clients, 2);
    one.socket.destroy();
    await until('one is gone', () => gateway.clients === 1);
    assert.equal(counts, [1, 2, 1]);
  }));

test('a client that disappears or cancels aborts what it had asked', () =>
  withGateway(async ({ client, requests, ended }) => {
    const [one, two] = [await client(), await client()];
    one.channel.call('wait.one', {}).catch(() => undefined);
    const controller = new AbortController();
    two.channel.call('wait.two', {}, { signal: controller.signal }).catch(() => undefined);
    await until('both ask', () => requests.length === 2);
    one.socket.destroy();
    controller.abort();
    await until('both are aborted', () => requests.every(({ signal }) => signal.aborted));
    for (const { signal } of requests) assert.is((signal.reason as SandboxError).code, 'CANCELLED');
    assert.equal(ended, [requests[0]?.session]);
  }));

test('the socket is the user’s alone, and replaces what a dead daemon left', () =>
  withGateway(async ({ path, client }) => {
    assert.is(statSync(path).mode & 0o777, 0o600);
    const after = `${path}2`;
    await writeFile(after, 'left over');
    const options = {
      socketPath: after,
      hub: new TopicHub(),
      run: answer,
      onClients: () => undefined,
      onSessionEnd: () => undefined,
    };
    const never = async (): Promise<never> => Promise.reject(new Error('not asked'));
    const second = new CliGateway({ ...options, resolveSandbox: never, onError: () => undefined });
    await second.start();
    const { channel, socket } = await openClient(after);
    assert.equal(await channel.call('a', {}), { asked: 'a', args: {} });
    socket.destroy();
    await second.stop();
    await (await client()).channel.call('still here', {});
  }));

test('a place where no socket can be is named', () =>
  withFolder(async (folder) => {
    const inTheWay = join(folder, 'daemon.sock');
    await mkdir(inTheWay);
    const file = join(folder, 'file');
    await writeFile(file, '');
    const never = () => undefined;
    const options = { hub: new TopicHub(), run: answer, onClients: never, onSessionEnd: never, onError: never };
    const resolveSandbox = async (): Promise<never> => Promise.reject(new Error('not asked'));
    for (const socketPath of [inTheWay, join(file, 'daemon.sock')]) {
      const gateway = new CliGateway({ ...options, socketPath, resolveSandbox });
      const error = await failure(() => gateway.start());
      assert.is(error.code, 'HOME_UNWRITABLE');
      assert.match(error.message, `"${socketPath}"`);
      await gateway.stop();
    }
  }));

test('stop() says goodbye, aborts what runs, takes the socket away, and may come twice', () =>
  withGateway(async ({ gateway, client, requests, path, counts }) => {
    const one = await client();
    const waiting = failure(() => one.channel.call('wait.it', {}));
    await until('it runs', () => requests.length === 1);
    await Promise.all([gateway.stop(), gateway.stop()]);
    assert.ok(requests[0]?.signal.aborted);
    assert.is((await waiting).code, 'DAEMON_UNREACHABLE');
    assert.match(JSON.stringify(one.controls), 'The daemon is stopping');
    assert.not(existsSync(path));
    assert.is(gateway.clients, 0);
    assert.is(counts.at(-1), 0);
    await gateway.stop();
  }));

test('stop() ends although a client reads nothing', () =>
  withGateway(async ({ gateway, client, hub }) => {
    const stuck = await client();
    subscribe(stuck, ['notices']);
    await settled(stuck);
    stuck.socket.pause();
    for (let n = 0; n < 20; n++) notice(hub, 'x'.repeat(1_000_000));
    const started = performance.now();
    await gateway.stop();
    assert.ok(performance.now() - started < 5_000);
    assert.is(gateway.clients, 0);
  }));

test('a half-sent frame keeps nothing waiting when its client goes or the daemon stops', () =>
  withGateway(async ({ gateway, client }) => {
    const [goes, stays] = [await client(), await client()];
    for (const { socket } of [goes, stays]) socket.write(header({ length: 1000 }).subarray(0, 7));
    await settled(await client());
    goes.socket.destroy();
    await until('it is gone', () => gateway.clients === 2);
    await gateway.stop();
    await stays.closed;
  }));

test('a client that ends its side is let go', () =>
  withGateway(async ({ client, gateway }) => {
    const one = await client();
    one.socket.end();
    await once(one.socket, 'close');
    await until('it is forgotten', () => gateway.clients === 0);
  }));

test.run();
