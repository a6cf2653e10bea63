import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type * as Y from 'yjs';
import { DocumentState } from '#node/network/replication/documents/document-state.ts';
import { nodeEnvironment, type ReplicaEnvironment } from '#node/network/replication/environment.ts';
import { createSandbox } from '#node/network/replication/open-replica.ts';
import type { SandboxReplica } from '#node/network/replication/sandbox-replica.ts';
import { signerFromSeed } from '#node/security/crypto.ts';
import { controlSignerFromSeed } from '#protocol/control-entry.ts';
import type { DocumentName } from '#shared/documents/document-name.ts';
import { MemoryLogFile } from '../memory-log-file.ts';

const HELD: DocumentName = 'draft/held.ts';
const WATCHED: DocumentName = 'draft/watched.ts';

/** A replica whose minutes the test lets pass. */
async function withMinutes(use: (replica: SandboxReplica, pass: (ms: number) => void) => Promise<void>): Promise<void> {
  const timers = new Map<() => void, number>();
  const environment: ReplicaEnvironment = {
    ...nodeEnvironment(),
    after(ms, task) {
      // What syncs the log runs at once; only waiting is up to the test.
      if (ms < 1000) return nodeEnvironment().after(ms, task);
      timers.set(task, ms);
      return () => void timers.delete(task);
    },
  };
  const pass = (ms: number): void => {
    for (const [task, due] of [...timers]) {
      if (due > ms) continue;
      timers.delete(task);
      task();
    }
  };
  const seed = new Uint8Array(32).fill(5);
  const replica = await createSandbox({
    environment,
    file: new MemoryLogFile(),
    deviceSigner: signerFromSeed(new Uint8Array(32).fill(6)),
    controlSigner: await controlSignerFromSeed(seed, signerFromSeed(seed).publicKey),
    recoveryHash: new Uint8Array(32),
    name: 'shop',
    deviceName: 'ada',
  });
  try {
    await use(replica, pass);
  } finally {
    await replica.stop();
  }
}

test('a document somebody holds is the same one after minutes of idleness, and goes on changing', () =>
  withMinutes(async (replica, pass) => {
    const held = replica.document(HELD);
    await replica.edit(HELD, (doc) => doc.getText('text').insert(0, 'one '));
    pass(60_000);
    pass(60_000);
    assert.is(replica.document(HELD), held);
    await replica.edit(HELD, (doc) => doc.getText('text').insert(0, 'two '));
    assert.is(held.getText('text').toString(), 'two one ');
  }));

test('a document that is only observed stays', () =>
  withMinutes(async (replica, pass) => {
    let seen = '';
    const text = (doc: Y.Doc): Y.Text => doc.getText('text');
    text(replica.document(WATCHED)).observe((event) => {
      seen = event.target.toString();
    });
    pass(60_000);
    pass(60_000);
    await replica.edit(WATCHED, (doc) => text(doc).insert(0, 'heard'));
    assert.is(seen, 'heard');
  }));

test('a Y.Doc is let go of only when nobody observes it or a type of it', async () => {
  const { Doc } = await import('yjs');
  const state = new DocumentState(HELD);
  state.doc = new Doc();
  state.doc.on('afterTransaction', () => undefined);
  const listener = (): void => undefined;
  state.doc.getMap('m').observeDeep(listener);
  assert.not(state.release(), 'observed deeply');
  state.doc.getMap('m').unobserveDeep(listener);
  state.doc.on('update', listener);
  assert.not(state.release(), 'its updates are listened to');
  state.doc.off('update', listener);
  assert.ok(state.release());
  assert.not(state.held);
  assert.ok(state.hold(), 'asked for before it was collected');
  assert.ok(state.held);
});

test('what nobody holds is collected, and comes back with its content when it is asked for', () =>
  withMinutes(async (replica, pass) => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    await replica.edit(HELD, (doc) => doc.getText('text').insert(0, 'kept '));
    const gone = new WeakRef(replica.document(HELD));
    pass(60_000);
    pass(60_000);
    for (let round = 0; round < 20 && gone.deref() !== undefined; round++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      collect();
    }
    assert.is(gone.deref(), undefined);
    assert.is(replica.document(HELD).getText('text').toString(), 'kept ');
    await replica.edit(HELD, (doc) => doc.getText('text').insert(0, 'and '));
    assert.is(replica.document(HELD).getText('text').toString(), 'and kept ');
  }));

test.run();
