import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  CHECKPOINT_HEADER_BYTES,
  type CheckpointManifest,
  encodeCheckpointStart,
  parseCheckpointHeader,
  parseCheckpointManifest,
} from '#protocol/checkpoint.ts';
import { encodeSegment, parseSegment } from '#protocol/checkpoint-segment.ts';
import { packNumbers, unpackNumbers } from '#protocol/packed-numbers.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId, SandboxId } from '#shared/ids.ts';

const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill);

function manifest(): CheckpointManifest {
  const hashes = bytes(48, 3);
  const chain = {
    member: 1 as MemberId,
    incarnation: 7,
    seq: 3,
    hash: bytes(32, 3),
    shortHashes: hashes,
    lamports: [1, 2, 9],
    controls: [
      { seq: 1, position: [4] },
      { seq: 3, position: [5, 2, 1] },
    ],
    seen: [
      [1, 1, 1],
      [3, 1, 2],
    ] as const,
    clocks: [['debug', { seqs: [1, 3], values: [4, 2 ** 40] }]] as const,
  };
  const other = {
    ...chain,
    member: 2 as MemberId,
    seq: 2,
    shortHashes: bytes(32, 3),
    lamports: [3, 4],
    seen: [],
    clocks: [],
  };
  return {
    sandbox: 'ab'.repeat(20) as SandboxId,
    position: [6, 2, 1],
    chains: [chain, { ...other, controls: [{ seq: 1, position: [4] }] }],
    documents: [
      { name: 'debug', contentHash: bytes(32, 5), bytes: 100 },
      { name: 'notes/2', contentHash: bytes(32, 6), bytes: 0 },
    ],
  };
}

function read(start: Uint8Array): CheckpointManifest {
  const length = parseCheckpointHeader(start.subarray(0, CHECKPOINT_HEADER_BYTES));
  return parseCheckpointManifest(start.subarray(CHECKPOINT_HEADER_BYTES, CHECKPOINT_HEADER_BYTES + length));
}

/** Runs what may throw, and nothing but our own error. @returns whether it did */
function refuses(work: () => unknown): boolean {
  try {
    work();
    return false;
  } catch (error) {
    assert.instance(error, SandboxError);
    return true;
  }
}

test('a manifest comes back as it was', () => {
  assert.equal(read(encodeCheckpointStart(manifest())), manifest());
});

test('every manifest that contradicts itself is refused', () => {
  type Change = (chain: Record<string, unknown>, whole: Record<string, unknown>) => void;
  const changes: Record<string, Change> = {
    'a head that is not the last hash': (chain) => {
      chain['hash'] = bytes(32, 4);
    },
    'too few hashes': (chain) => {
      chain['shortHashes'] = bytes(32, 3);
    },
    'times that fall': (chain) => {
      chain['lamports'] = [1, 3, 3];
    },
    'times that are too few': (chain) => {
      chain['lamports'] = [1, 3];
    },
    'no control position': (chain) => {
      chain['controls'] = [];
    },
    'a control position beyond the head': (chain) => {
      chain['controls'] = [
        { seq: 1, position: [1] },
        { seq: 4, position: [1] },
      ];
    },
    'having seen itself': (chain) => {
      chain['seen'] = [[0, 1]];
    },
    'having seen beyond a head': (chain) => {
      chain['seen'] = [[1, 3]];
    },
    'clocks that fall': (chain) => {
      chain['clocks'] = [['debug', { seqs: [1, 2], values: [4, 4] }]];
    },
    'clocks beyond the head': (chain) => {
      chain['clocks'] = [['debug', { seqs: [4], values: [4] }]];
    },
    'seq 0': (chain) => {
      chain['seq'] = 0;
    },
    'unsorted chains': (_, whole) => void (whole['chains'] as unknown[]).reverse(),
    'unsorted documents': (_, whole) => void (whole['documents'] as unknown[]).reverse(),
    'a name that is no document': (_, whole) => {
      ((whole['documents'] as { name: string }[])[1] as { name: string }).name = 'elsewhere';
    },
  };
  for (const [what, change] of Object.entries(changes)) {
    const whole = structuredClone(manifest()) as unknown as Record<string, unknown>;
    change((whole['chains'] as Record<string, unknown>[])[0] as Record<string, unknown>, whole);
    assert.ok(
      refuses(() => read(encodeCheckpointStart(whole as unknown as CheckpointManifest))),
      what,
    );
  }
});

test('a damaged manifest or segment is refused with our own error, or reads as something whole', () => {
  const start = encodeCheckpointStart(manifest());
  const doc = encodeSegment({
    kind: 'crdt',
    depths: [
      [
        9,
        [
          [0, 5, 1],
          [7, 9, 2],
        ],
      ],
    ],
    state: bytes(10, 1),
  });
  const registers = encodeSegment({
    kind: 'registers',
    rows: [
      ['a', { n: 1 }, 4, 7, 1],
      ['b', null, 5, 7, 2],
    ],
  });
  for (let round = 0; round < 4000; round++) {
    const at = round % start.length;
    const damaged = start.with(at, (start[at] as number) ^ (1 + (round % 255)));
    refuses(() => read(damaged.subarray(0, round % 3 === 0 ? at : undefined)));
    for (const [whole, kind] of [
      [doc, 'crdt'],
      [registers, 'registers'],
    ] as const) {
      const place = round % whole.length;
      refuses(() => parseSegment(whole.with(place, (whole[place] as number) ^ (1 + (round % 255))), kind));
    }
  }
});

test('segments come back as they were', () => {
  const doc = { kind: 'crdt', depths: [[2 ** 40, [[0, 5, 1]]]], state: bytes(3, 1) } as const;
  assert.equal(parseSegment(encodeSegment(doc), 'crdt'), doc);
  const registers = {
    kind: 'registers',
    rows: [
      ['a', { n: [1.5, null] }, 4, 7, 1],
      ['b', null, 5, 7, 2],
    ],
  } as const;
  assert.equal(parseSegment(encodeSegment(registers), 'registers'), registers);
});

test('packed numbers come back, and nothing else does', () => {
  const lists = [
    [0, 1, 2 ** 52, 5],
    [7, 7, 0, 1],
  ];
  const packed = packNumbers(lists);
  assert.equal(unpackNumbers(packed, 2), lists);
  assert.is(unpackNumbers(packed, 1), undefined, 'bytes are left');
  assert.is(unpackNumbers(packed, 3), undefined, 'bytes are missing');
  assert.is(unpackNumbers(packNumbers([[3, -1]]), 1), undefined, 'below 0');
  assert.is(unpackNumbers(new Uint8Array([0xff, 0xff, 0xff, 0xff, 0x7f]), 1), undefined, 'more than there can be');
});

test.run();
