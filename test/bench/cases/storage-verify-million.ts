/** How fast what is stored is verified. */

import { ChainScan } from '#node/network/replication/chains/chain-scan.ts';
import { nodeEnvironment } from '#node/network/replication/environment.ts';
import { AppendLog } from '#node/storage/append-log.ts';
import { openLogFile } from '#node/storage/log-file.ts';
import { HEADER_BYTES, RecordType, readBody, readRecords } from '#node/storage/log-format.ts';
import type { BenchCase } from '../bench-case.ts';
import { median } from '../statistics.ts';
import { envelopes, found, logPath } from '../storage/stored-sandbox.ts';

const MILLION = 1_000_000;

export const benchCase: BenchCase = {
  name: 'storage-verify-million',
  title: 'a log of a million envelopes read and verified: checksums, payload hashes, hash chain, signature of the head',
  unit: 's',
  better: 'lower',
  goal: 5,
  goalOf: 'ours',
  async run(context) {
    const stored = await found(`${context.folder}/million`);
    await stored.replica.stop();
    const count = context.quick ? MILLION / 20 : MILLION;
    const environment = nodeEnvironment();
    const { log } = await AppendLog.open(openLogFile(logPath(stored)), environment, () => undefined);
    for (const bytes of envelopes(stored, count)) log.append(RecordType.envelope, bytes);
    await log.close();
    const seconds: number[] = [];
    const busy: number[] = [];
    for (let round = 0; round < context.rounds(3); round++) {
      const started = performance.now();
      const before = process.cpuUsage();
      const file = openLogFile(logPath(stored));
      const scan = new ChainScan({
        crypto: environment.crypto,
        sandbox: stored.sandbox,
        keysOf: () => [stored.signer.publicKey],
      });
      for (const { type, at, body } of readRecords(file, HEADER_BYTES)) {
        if (type === RecordType.envelope) scan.add(at, body);
      }
      const result = scan.finish((at) => readBody(file, at) ?? new Uint8Array(0));
      file.close();
      if (result.envelopes !== count || result.problems.length > 0) throw new Error(JSON.stringify(result));
      const { user, system } = process.cpuUsage(before);
      seconds.push(((performance.now() - started) / 1000) * (MILLION / count));
      busy.push(((user + system) / 1e6) * (MILLION / count));
    }
    const list = (values: readonly number[]): string => values.map((value) => value.toFixed(2)).join(', ');
    const notes = [`${count} envelopes; rounds ${list(seconds)} s, of processor time ${list(busy)} s`];
    return { ours: median(seconds), peers: {}, notes };
  },
};
