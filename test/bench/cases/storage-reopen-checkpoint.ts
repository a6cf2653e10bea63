/** How long a sandbox that has grown takes to come back. */

import { nodeEnvironment } from '#node/network/replication/environment.ts';
import { AppendLog } from '#node/storage/append-log.ts';
import { openLogFile } from '#node/storage/log-file.ts';
import { RecordType } from '#node/storage/log-format.ts';
import type { BenchCase } from '../bench-case.ts';
import { median } from '../statistics.ts';
import { envelopes, found, logPath, reopen } from '../storage/stored-sandbox.ts';

const ENVELOPES = 100_000;

export const benchCase: BenchCase = {
  name: 'storage-reopen-checkpoint',
  title: 'a sandbox of 100,000 envelopes opened from its checkpoint, until the document is read',
  unit: 's',
  better: 'lower',
  goal: 0.5,
  goalOf: 'ours',
  async run(context) {
    const stored = await found(`${context.folder}/grown`);
    await stored.replica.stop();
    const count = context.quick ? ENVELOPES / 10 : ENVELOPES;
    const { log } = await AppendLog.open(openLogFile(logPath(stored)), nodeEnvironment(), () => undefined);
    for (const bytes of envelopes(stored, count)) log.append(RecordType.envelope, bytes);
    await log.close();
    const whole = await timed(() => reopen(stored));
    await whole.result.makeCheckpoint();
    await whole.result.stop();
    const seconds: number[] = [];
    for (let round = 0; round < context.rounds(7); round++) {
      const opened = await timed(async () => {
        const replica = await reopen(stored);
        if (replica.document('debug').getMap('breakpoints').size !== Math.min(1000, count))
          throw new Error('not whole');
        return replica;
      });
      if ((opened.result.heads()[0]?.seq ?? 0) !== count) throw new Error('the checkpoint was not used');
      await opened.result.stop();
      seconds.push(opened.seconds);
    }
    const notes = [`${count} envelopes; without the checkpoint ${whole.seconds.toFixed(2)} s`];
    return { ours: median(seconds), peers: {}, notes };
  },
};

async function timed<T>(work: () => Promise<T>): Promise<{ result: T; seconds: number }> {
  const started = performance.now();
  const result = await work();
  return { result, seconds: (performance.now() - started) / 1000 };
}
