/** What is read from disk, or fetched whole from others: logs, checkpoints, segments, blobs. */

import { NodeCrypto } from '#node/security/crypto.ts';
import { AppendLog, RecordType } from '#node/storage/append-log.ts';
import { BlobStore } from '#node/storage/blob-store.ts';
import { encodeCheckpointStart, parseCheckpointHeader, parseCheckpointManifest } from '#protocol/checkpoint.ts';
import { type DocumentSegment, encodeSegment, parseSegment } from '#protocol/checkpoint-segment.ts';
import { packNumbers, unpackNumbers } from '#protocol/packed-numbers.ts';
import { equalBytes, toHex } from '#shared/bytes.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId, SandboxId } from '#shared/ids.ts';
import { MemoryLogFile } from '../../node/network/replication/memory-log-file.ts';
import { MemoryFolder } from '../../node/storage/memory-folder.ts';
import { type FuzzTarget, promise } from '../fuzz.ts';
import { join, mutateBytes, mutateCbor, varint } from '../mutate.ts';

const crypto = new NodeCrypto();
const timers = { after: () => () => undefined };

const logs: FuzzTarget = {
  name: 'log files',
  async prepare(random) {
    const bodies = Array.from({ length: 8 }, (_, i) => random.bytes(i * 15));
    const file = new MemoryLogFile();
    const { log } = await AppendLog.open(file, timers, () => undefined);
    const types = [RecordType.control, RecordType.envelope, RecordType.checkpoint];
    for (const [i, body] of bodies.entries()) log.append(types[i % 3] as RecordType, body);
    log.write();
    const whole = file.bytes.slice(0, file.size);
    const known = new Set(bodies.map((body, i) => `${types[i % 3]}:${toHex(body)}`));
    return async (luck) => {
      const damaged = new MemoryLogFile();
      damaged.append(mutateBytes(whole, luck, [whole]));
      const first = await readLog(damaged);
      for (const record of first.records) promise(known.has(record), 'a record came back that nobody wrote');
      const again = await readLog(damaged);
      promise(again.records.join() === first.records.join(), 'a second reading finds something else');
      promise(again.cutBytes === 0, 'a second reading cuts again');
    };
  },
};

async function readLog(file: MemoryLogFile): Promise<{ records: string[]; cutBytes: number }> {
  const records: string[] = [];
  const { cutBytes } = await AppendLog.open(
    file,
    timers,
    ({ type, body }) => void records.push(`${type}:${toHex(body)}`),
  );
  return { records, cutBytes };
}

const manifests: FuzzTarget = {
  name: 'checkpoints',
  prepare(random) {
    const start = encodeCheckpointStart({
      sandbox: 'ab'.repeat(20) as SandboxId,
      position: [6, 2, 1],
      chains: [1, 2, 5].map((member) => {
        const hashes = random.bytes(48);
        return {
          member: member as MemberId,
          incarnation: 7,
          seq: 3,
          hash: join(hashes.subarray(32), random.bytes(16)),
          shortHashes: hashes,
          lamports: [1, 4, 9],
          controls: [
            { seq: 1, position: [4] },
            { seq: 3, position: [5, 2, 1] },
          ],
          seen: member === 1 ? [] : [[1, 0, 1] as const, [3, 0, 2] as const],
          clocks: [['debug', { seqs: [1, 3], values: [4, 2 ** 40] }] as const],
        };
      }),
      documents: [
        { name: 'debug', contentHash: random.bytes(32), bytes: 100 },
        { name: 'notes/2', contentHash: random.bytes(32), bytes: 0 },
      ],
    });
    const header = start.subarray(0, 12);
    const body = start.subarray(12);
    return (luck) => {
      if (luck.chance(0.1)) {
        const length = parseCheckpointHeader(mutateBytes(header, luck));
        promise(length <= 512 * 1024 * 1024, 'a manifest may have any length');
        return;
      }
      const changed = mutateCbor(body, luck);
      const manifest = parseCheckpointManifest(changed);
      const again = parseCheckpointManifest(encodeCheckpointStart(manifest).subarray(12));
      promise(asText(again) === asText(manifest), 'what it read is written otherwise');
    };
  },
};

const segments: FuzzTarget = {
  name: 'segments of checkpoints',
  prepare(random) {
    const samples: DocumentSegment[] = [
      {
        kind: 'crdt',
        depths: [
          [
            4_294_967_299,
            [
              [0, 4, 1],
              [9, 12, 2],
            ],
          ],
          [8_589_934_592, [[1, 2, 3]]],
        ],
        state: random.bytes(40),
      },
      {
        kind: 'registers',
        rows: [
          ['target/1', { pid: 4 }, 3, 7, 1],
          ['gone', null, 9, 7, 2],
        ],
      },
    ];
    const encoded = samples.map(encodeSegment);
    return (luck) => {
      const at = luck.below(samples.length);
      const { kind } = samples[at] as DocumentSegment;
      const segment = parseSegment(mutateCbor(encoded[at] as Uint8Array, luck, encoded), kind);
      promise(segment.kind === kind, 'another kind of document');
      promise(
        asText(parseSegment(encodeSegment(segment), kind)) === asText(segment),
        'what it read is written otherwise',
      );
    };
  },
};

const numbers: FuzzTarget = {
  name: 'packed numbers',
  prepare: (random) => {
    const list = (): number[] =>
      Array.from({ length: 5 }, () => random.pick([0, 1, 63, 64, 2 ** 31, 2 ** 52, random.below(1000)]));
    const samples = [1, 2, 3].map((lists) => packNumbers(Array.from({ length: lists }, list)));
    return (luck) => {
      const lists = 1 + luck.below(3);
      const bytes = luck.chance(0.2)
        ? join(varint(2 ** 40), samples[0] as Uint8Array)
        : mutateBytes(luck.pick(samples), luck);
      const read = unpackNumbers(bytes, lists);
      if (read === undefined) throw new SandboxError('BAD_CHECKPOINT', 'refused');
      promise(
        read.every((all) => all.length === read[0]?.length),
        'lists of different lengths',
      );
      promise(asText(unpackNumbers(packNumbers(read), lists)) === asText(read), 'what it read is written otherwise');
    };
  },
};

const blobs: FuzzTarget = {
  name: 'blobs',
  async prepare(random) {
    const contents = [random.bytes(40), random.bytes(700)];
    const folder = new MemoryFolder();
    const name = await new BlobStore(folder, crypto).put(contents);
    const whole = readFile(folder, name);
    return async (luck) => {
      const place = new MemoryFolder();
      const file = place.open(name);
      file.append(mutateBytes(whole, luck));
      await file.sync();
      file.close();
      const opened = new BlobStore(place, crypto).openChecked(name);
      if (opened === undefined) throw new SandboxError('STORAGE_CORRUPT', 'refused');
      try {
        promise(equalBytes(opened.read(0, opened.bytes), join(...contents)), 'a changed blob keeps its name');
      } finally {
        opened.close();
      }
    };
  },
};

function readFile(folder: MemoryFolder, name: string): Uint8Array {
  const file = folder.open(name);
  try {
    return file.read(0, file.size).slice();
  } finally {
    file.close();
  }
}

function asText(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => (inner instanceof Uint8Array ? toHex(inner) : inner));
}

export const STORAGE_TARGETS: readonly FuzzTarget[] = [logs, manifests, segments, numbers, blobs];
