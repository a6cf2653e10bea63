import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AppendLog, RecordType } from '#node/storage/append-log.ts';
import { type LogFile, openLogFile } from '#node/storage/log-file.ts';
import { SandboxError } from '#shared/errors.ts';
import { failure } from '../failure.ts';
import { FakeTimers } from '../fake-timers.ts';
import { MemoryLogFile } from '../network/replication/memory-log-file.ts';
import { MemoryFolder } from './memory-folder.ts';

const timers = {
  after: (ms: number, task: () => void) => {
    const timer = setTimeout(task, ms);
    return () => clearTimeout(timer);
  },
};

async function open(file: LogFile): Promise<{ log: AppendLog; records: [number, string][]; cutBytes: number }> {
  const records: [number, string][] = [];
  const { log, cutBytes } = await AppendLog.open(file, timers, ({ type, body }) => {
    records.push([type, Buffer.from(body).toString()]);
  });
  return { log, records, cutBytes };
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

test('a record that is to be handed on at once is nowhere where there is no room; another is read here alone', async () => {
  const file = new MemoryLogFile();
  const { log } = await open(file);
  const append = file.append.bind(file);
  const full = () => {
    throw new SandboxError('HOME_UNWRITABLE', 'Cannot write to the log');
  };
  file.append = full;
  const refused = async (work: () => unknown) => (await failure(async () => void (await work()))).code;
  assert.is(await refused(() => log.appendNow(RecordType.envelope, text('own'))), 'HOME_UNWRITABLE');
  const received = log.append(RecordType.envelope, text('received'));
  assert.is(Buffer.from(log.readHere(received)).toString(), 'received');
  assert.is(log.isInFile(received), false);
  assert.is(await refused(() => log.read(received)), 'HOME_UNWRITABLE');
  assert.is(await refused(() => log.appendNow(RecordType.envelope, text('own too'))), 'HOME_UNWRITABLE');
  assert.is(await refused(() => log.durable()), 'HOME_UNWRITABLE');
  file.append = append;
  const own = log.appendNow(RecordType.envelope, text('own at last'));
  assert.is(log.isInFile(received), true);
  await log.durable();
  for (const [position, body] of [
    [received, 'received'],
    [own, 'own at last'],
  ] as const) {
    assert.is(Buffer.from(log.read(position)).toString(), body);
    assert.is(Buffer.from(log.readHere(position)).toString(), body);
  }
  await log.close();
  const again = await open(file);
  assert.equal(
    again.records.map(([, body]) => body),
    ['received', 'own at last'],
  );
});

test('records come back in order from a real file, and by position', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sandmesh-log-'));
  try {
    const path = join(folder, 'log');
    const first = await open(openLogFile(path));
    const positions = ['a', 'bb', '', 'x'.repeat(3_000_000)].map((body) =>
      first.log.append(RecordType.envelope, text(body)),
    );
    first.log.append(RecordType.control, text('entry'));
    await first.log.durable();
    assert.is(Buffer.from(first.log.read(positions[1] as number)).toString(), 'bb');
    await first.log.close();
    await first.log.close();
    assert.is(statSync(path).mode & 0o777, 0o600);
    const again = await open(openLogFile(path));
    assert.equal(
      again.records.map(([type, body]) => [type, body.length]),
      [
        [2, 1],
        [2, 2],
        [2, 0],
        [2, 3_000_000],
        [1, 5],
      ],
    );
    assert.is(again.log.read(positions[3] as number).length, 3_000_000);
    assert.is(again.cutBytes, 0);
    await again.log.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('what others keep too is in the file after 2 ms and durable after 50, sooner when somebody waits for more', async () => {
  const file = new MemoryLogFile();
  const timers = new FakeTimers();
  const { log } = await AppendLog.open(file, timers, () => undefined);
  const receive = (): void => {
    log.append(RecordType.envelope, text('theirs'));
    log.writeSoon();
  };
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const before = file.size;
  receive();
  timers.pass(1);
  assert.is(file.size, before);
  timers.pass(1);
  const after = file.size;
  assert.ok(after > before);
  timers.pass(47);
  await settled();
  assert.is(file.synced, 0);
  timers.pass(1);
  await settled();
  assert.is(file.synced, after);
  receive();
  log.append(RecordType.envelope, text('ours'));
  const durable = log.durable();
  timers.pass(2);
  await durable;
  assert.is(file.synced, file.size);
  receive();
  await log.close();
  assert.is(file.synced, file.size);
  assert.is(timers.pending, 0);
});

test('a tail torn at any byte is cut, and the log goes on from there', async () => {
  const file = new MemoryLogFile();
  const { log } = await open(file);
  log.append(RecordType.envelope, text('first'));
  log.write();
  const whole = file.size;
  log.append(RecordType.envelope, text('second'));
  await log.close();
  for (let size = 0; size <= file.size; size++) {
    const torn = file.copy(size);
    const reopened = await open(torn);
    const expected = size === file.size ? ['first', 'second'] : size >= whole ? ['first'] : [];
    assert.equal(
      reopened.records.map(([, body]) => body),
      expected,
      `cut at ${size}`,
    );
    reopened.log.append(RecordType.envelope, text('next'));
    await reopened.log.close();
    const after = await open(torn);
    assert.equal(
      after.records.map(([, body]) => body),
      [...expected, 'next'],
    );
    assert.is(after.cutBytes, 0);
    await after.log.close();
  }
});

test('zeros where the tail was never written are cut', async () => {
  const file = new MemoryLogFile();
  const { log } = await open(file);
  log.append(RecordType.envelope, text('first'));
  await log.close();
  file.append(new Uint8Array(100));
  const { records, cutBytes } = await open(file);
  assert.is(records.length, 1);
  assert.is(cutBytes, 100);
});

test('a flipped bit in a record is never handed out', async () => {
  const file = new MemoryLogFile();
  const { log } = await open(file);
  log.append(RecordType.envelope, text('first'));
  const from = 16;
  await log.close();
  for (let at = from; at < file.size; at++) {
    const rotten = file.copy();
    rotten.bytes[at] = (rotten.bytes[at] as number) ^ 0x10;
    const { records } = await open(rotten);
    assert.equal(records, [], `byte ${at}`);
  }
});

test('a foreign file and a newer schema are refused', async () => {
  const code = async (file: LogFile): Promise<string> => {
    try {
      await open(file);
      return 'opened';
    } catch (error) {
      return (error as SandboxError).code;
    }
  };
  const foreign = new MemoryLogFile();
  foreign.append(text('something else entirely'));
  assert.is(await code(foreign), 'STORAGE_CORRUPT');
  const newer = new MemoryLogFile();
  await (await open(newer)).log.close();
  newer.bytes[7] = 9;
  assert.is(await code(newer), 'VERSION_UNSUPPORTED');
});

test('durable() means synced, in groups', async () => {
  const file = new MemoryLogFile();
  let syncs = 0;
  const sync = file.sync.bind(file);
  file.sync = async () => {
    syncs++;
    await sync();
  };
  const { log } = await open(file);
  const waits: Promise<void>[] = [];
  for (let i = 0; i < 50; i++) {
    log.append(RecordType.envelope, text(String(i)));
    log.write();
    waits.push(log.durable());
  }
  await Promise.all(waits);
  assert.is(file.synced, file.size);
  assert.ok(syncs <= 2, `${syncs} syncs for 50 records`);
  await log.close();
});

test('after a failed fdatasync nothing is acknowledged and nothing more is taken', async () => {
  const file = new MemoryLogFile();
  const { log } = await open(file);
  file.sync = () => Promise.reject(new SandboxError('HOME_UNWRITABLE', 'Cannot make the log durable'));
  log.append(RecordType.envelope, text('a'));
  let code = '';
  await log.durable().catch((error: SandboxError) => {
    code = error.code;
  });
  assert.is(code, 'HOME_UNWRITABLE');
  assert.throws(
    () => log.append(RecordType.envelope, text('b')),
    (error: SandboxError) => error.code === 'HOME_UNWRITABLE',
  );
  await log.close();
});

test('a disk that is full for a while takes nothing more, and everything once it has room', async () => {
  const file = new MemoryLogFile();
  const { log } = await open(file);
  const append = file.append.bind(file);
  log.append(RecordType.envelope, text('a'));
  await log.durable();
  file.append = () => {
    throw new SandboxError('HOME_UNWRITABLE', 'Cannot write to the log');
  };
  const code = (attempt: () => Promise<void>): Promise<string> => failure(attempt).then((error) => error.code);
  log.append(RecordType.envelope, text('b'));
  assert.is(await code(() => log.durable()), 'HOME_UNWRITABLE');
  assert.is(await code(async () => log.assertTakes()), 'HOME_UNWRITABLE');
  assert.is(await code(async () => void log.append(RecordType.envelope, text('lost'))), 'HOME_UNWRITABLE');
  file.append = append;
  const position = log.append(RecordType.envelope, text('c'));
  await log.durable();
  assert.equal(Buffer.from(log.read(position)).toString(), 'c');
  assert.is(file.synced, file.size);
  await log.close();
  const { records } = await open(file.copy());
  assert.equal(
    records.map(([, body]) => body),
    ['a', 'b', 'c'],
  );
});

test('what rots in the middle is stepped over and handed out; what follows is read, and marked', async () => {
  const bodies = ['first', 'second', 'third', 'fourth'];
  const folder = new MemoryFolder();
  const { log } = await open(folder.open('log'));
  const positions = bodies.map((body) => log.append(RecordType.envelope, text(body)));
  await log.close();
  const [start, end] = [positions[1] as number, positions[2] as number];
  for (let at = start; at < end; at++) {
    folder.rot('log', at);
    const records: [string, boolean][] = [];
    const opened = await AppendLog.open(folder.open('log'), timers, ({ body, suspect }) => {
      records.push([Buffer.from(body).toString(), suspect]);
    });
    assert.equal(
      records,
      [
        ['first', false],
        ['third', true],
        ['fourth', true],
      ],
      `byte ${at - start} of the record`,
    );
    assert.is(opened.cutBytes, 0);
    assert.equal(
      opened.damaged.map(({ length }) => length),
      [end - start],
    );
    assert.is(Buffer.from(opened.log.read(positions[3] as number)).toString(), 'fourth');
    await opened.log.close();
    folder.rot('log', at);
  }
});

test('a length that rotted does not hide a record behind it, however long the file', async () => {
  const folder = new MemoryFolder();
  const { log } = await open(folder.open('log'));
  const first = log.append(RecordType.envelope, text('x'.repeat(5_000_000)));
  log.append(RecordType.envelope, text('y'.repeat(5_000_000)));
  log.append(RecordType.control, text('last'));
  await log.close();
  folder.rot('log', first + 1);
  const { records } = await open(folder.open('log'));
  assert.equal(
    records.map(([type, body]) => [type, body.length]),
    [
      [2, 5_000_000],
      [1, 4],
    ],
  );
});

test.run();
