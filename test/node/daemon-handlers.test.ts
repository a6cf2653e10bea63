import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { daemonHandlers } from '#node/daemon-handlers.ts';
import { ConfigStore } from '#node/storage/config.ts';
import { catalogue } from '#protocol/catalogue/catalogue.ts';
import { failure } from './failure.ts';
import { withFolder } from './temporary-folder.ts';

const context = { caller: { local: true, session: 's' }, folder: undefined, signal: new AbortController().signal };

function withHandlers(
  use: (
    ask: (
      name: 'daemon.status' | 'daemon.stop' | 'config.get' | 'config.set' | 'config.list',
      args?: object,
    ) => Promise<unknown>,
    stops: () => number,
  ) => Promise<void>,
  peerId?: string,
): () => Promise<void> {
  return () =>
    withFolder(async (folder) => {
      let stops = 0;
      const counts = () => ({ sandboxes: 1, targets: 2, clients: 3, peers: 4 });
      const facts = {
        version: '0.1.0',
        home: folder,
        startedAt: Date.now(),
        peerId: () => peerId,
        api: () => ({}),
        addresses: () => [],
        counts,
      };
      const handlers = daemonHandlers(facts, new ConfigStore(join(folder, 'config.json'), {}), () => stops++);
      await use(
        async (name, args = {}) => catalogue[name].result.parse(await handlers[name]?.(args as never, context)),
        () => stops,
      );
    });
}

test(
  'status fits the catalogue, with and without a network identity',
  withHandlers(async (ask) => {
    const status = (await ask('daemon.status')) as Record<string, unknown>;
    assert.equal([status['pid'], status['clients'], status['peerId']], [process.pid, 3, undefined]);
  }),
);

test(
  'stop is answered before it happens',
  withHandlers(async (ask, stops) => {
    assert.equal(await ask('daemon.stop'), { stopping: true });
    assert.is(stops(), 0);
    await new Promise((resolve) => setImmediate(resolve));
    assert.is(stops(), 1);
  }),
);

test(
  'configuration is written, read and listed with its source',
  withHandlers(async (ask) => {
    assert.equal(((await ask('config.set', { key: 'network.port', value: '4000' })) as { value: unknown }).value, 4000);
    const entry = (await ask('config.get', { key: 'network.port' })) as Record<string, unknown>;
    assert.equal([entry['value'], entry['source']], [4000, 'file']);
    const { entries } = (await ask('config.list')) as { entries: unknown[] };
    assert.ok(entries.length >= 5);
    assert.is((await failure(() => ask('config.get', { key: '__proto__' }))).code, 'CONFIG_INVALID');
  }),
);

test.run();
