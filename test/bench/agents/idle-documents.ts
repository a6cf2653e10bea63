/**
 * A process that holds one sandbox: says what it keeps in memory empty, then with documents that were edited, read and
 * lie idle. Started with --expose-gc, so that what is reported is what is held, not what was not collected yet.
 */

import { nodeEnvironment, type ReplicaEnvironment } from '#node/network/replication/environment.ts';
import { serveAgent } from '../programs.ts';
import { found } from '../storage/stored-sandbox.ts';

/** Time runs faster here, so that a minute of idleness does not take one. */
const FASTER = 60;
const EDITS = 20;
const LINE = 'export function total(items: readonly Item[]): number { return items.length; }\n';

function fasterEnvironment(): ReplicaEnvironment {
  const environment = nodeEnvironment();
  return { ...environment, after: (ms, task) => environment.after(ms / FASTER, task) };
}

async function heldMb(): Promise<{ rss: number; heap: number }> {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) throw new Error('started without --expose-gc');
  for (let round = 0; round < 4; round++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss: rss / 2 ** 20, heap: (heapUsed + external) / 2 ** 20 };
}

serveAgent(async (request) => {
  const { replica } = await found(String(request['folder']), fasterEnvironment());
  await replica.edit('draft/warm-up.ts', (doc) => doc.getText('text').insert(0, LINE));
  const empty = await heldMb();
  const documents = Number(request['documents']);
  for (let n = 0; n < documents; n++) {
    for (let edit = 0; edit < EDITS; edit++) {
      // Each tick becomes an envelope of its own; only the last is waited for.
      const written = replica.edit(`draft/src/file-${n}.ts`, (doc) => doc.getText('text').insert(0, LINE));
      if (edit === EDITS - 1) await written;
      else await new Promise((resolve) => setImmediate(resolve));
    }
  }
  const alive = await heldMb();
  await replica.makeCheckpoint();
  await new Promise((resolve) => setTimeout(resolve, (3 * 60_000) / FASTER));
  const idle = await heldMb();
  const again = replica.document(`draft/src/file-${documents - 1}.ts`).getText('text').length;
  if (again !== EDITS * LINE.length) throw new Error(`a document came back with ${again} characters`);
  await replica.stop();
  return { empty, alive, idle };
});
