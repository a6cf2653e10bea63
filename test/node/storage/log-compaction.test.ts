import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AppendLog, type KeptRecord, RecordType } from '#node/storage/append-log.ts';
import { MemoryFolder } from './memory-folder.ts';

const timers = {
  after: (ms: number, task: () => void) => {
    const timer = setTimeout(task, ms);
    return () => clearTimeout(timer);
  },
};

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

async function contents(folder: MemoryFolder): Promise<string[]> {
  const records: string[] = [];
  const { log } = await AppendLog.open(folder.open('log'), timers, ({ body }) => {
    records.push(Buffer.from(body).toString());
  });
  await log.close();
  return records;
}

function compact(log: AppendLog, folder: MemoryFolder, keep: () => Iterable<KeptRecord>): Promise<void> {
  return log.compact({
    target: folder.open('log.new'),
    select: keep,
    publish: () => folder.rename('log.new', 'log'),
    settle: () => folder.sync(),
  });
}

async function opened(): Promise<{ folder: MemoryFolder; log: AppendLog }> {
  const folder = new MemoryFolder();
  const { log } = await AppendLog.open(folder.open('log'), timers, () => undefined);
  await folder.sync();
  return { folder, log };
}

test('a compacted log holds what was kept and what was appended meanwhile, under the old positions', async () => {
  const { folder, log } = await opened();
  const positions = ['a', 'bb', 'ccc'].map((body) => log.append(RecordType.envelope, text(body)));
  let during = -1;
  folder.onOperation = (what) => {
    if (what === 'sync log.new' && during < 0) during = log.append(RecordType.envelope, text('during'));
  };
  await compact(log, folder, () => [
    { type: RecordType.control, body: text('control') },
    { position: positions[1] as number },
  ]);
  const after = log.append(RecordType.envelope, text('after'));
  assert.not(log.has(positions[0] as number));
  assert.throws(() => log.read(positions[0] as number), /dropped/);
  const read = (position: number): string => Buffer.from(log.read(position)).toString();
  assert.equal([positions[1] as number, during, after].map(read), ['bb', 'during', 'after']);
  const visited = [...log.records()].map(({ position }) => position);
  assert.equal(visited, [-1, positions[1], during, after]);
  // Once more: names given before the first compaction still hold after the second.
  await compact(log, folder, () => [{ position: positions[1] as number }, { position: after }]);
  assert.equal([positions[1] as number, after].map(read), ['bb', 'after']);
  assert.not(log.has(during));
  const last = log.append(RecordType.envelope, text('last'));
  assert.is(read(last), 'last');
  await log.close();
  assert.equal(await contents(folder), ['bb', 'after', 'last']);
});

test('a crash at any step of a compaction leaves every acknowledged record', async () => {
  const { folder, log } = await opened();
  const acknowledged: string[] = [];
  const write = (body: string): void => {
    log.append(RecordType.envelope, text(body));
    void log.durable().then(() => acknowledged.push(body));
  };
  for (let i = 0; i < 5; i++) write(`before ${i}`);
  await log.durable();
  const moments: { what: string; acknowledged: string[]; left: MemoryFolder[] }[] = [];
  const dropped = new Set<string>();
  let n = 0;
  let nested = false;
  folder.onOperation = (what) => {
    if (!nested && n < 40) {
      nested = true;
      write(`during ${n++}`);
      nested = false;
    }
    const both = [true, false];
    const left = both.flatMap((bytes) => both.map((names) => folder.crashed({ bytes, names })));
    moments.push({ what, acknowledged: [...acknowledged], left });
  };
  for (let i = 0; i < 5; i++) dropped.add(`before ${i}`);
  await compact(log, folder, () => {
    for (let i = 0; i < n; i++) dropped.add(`during ${i}`);
    return [{ type: RecordType.checkpoint, body: text('checkpoint') }];
  });
  await log.durable();
  folder.onOperation = () => undefined;
  await log.close();
  assert.ok(moments.some(({ what }) => what.startsWith('rename')));
  for (const { what, acknowledged: promised, left } of moments) {
    for (const folderLeft of left) {
      const found = await contents(folderLeft);
      const old = found[0]?.startsWith('before');
      const expected = old ? promised : promised.filter((body) => !dropped.has(body));
      for (const body of expected) assert.ok(found.includes(body), `crash at "${what}": "${body}" was lost`);
      assert.ok(old || found[0] === 'checkpoint', `crash at "${what}": neither the old nor the new log`);
    }
  }
  const final = await contents(folder);
  assert.is(final[0], 'checkpoint');
  assert.is(final.length, 1 + 5 + n - dropped.size);
  assert.ok(n - dropped.size > 3, 'nothing was written meanwhile');
});

test('a move waits for what has to be ready while the new file is being synced', async () => {
  const { folder, log } = await opened();
  log.append(RecordType.envelope, text('a'));
  const steps: string[] = [];
  folder.onOperation = (what) => {
    if (/(sync|rename) log.new/.test(what)) steps.push(what);
  };
  const ready = async (): Promise<void> => {
    steps.push('begun');
    await new Promise((resolve) => setImmediate(resolve));
    log.append(RecordType.envelope, text('during'));
    steps.push('ready');
  };
  const publish = (): void => folder.rename('log.new', 'log');
  await log.compact({ target: folder.open('log.new'), select: () => [], ready, publish, settle: () => folder.sync() });
  assert.equal(steps.slice(0, 4), ['sync log.new', 'begun', 'end of sync log.new', 'ready']);
  assert.is(steps.at(-1), 'rename log.new');
  await log.close();
  assert.equal(await contents(folder), ['during']);
});

test('a move is given up where something does not become ready, once the file is at rest', async () => {
  const { folder, log } = await opened();
  log.append(RecordType.envelope, text('a'));
  const steps: string[] = [];
  folder.onOperation = (what) => void steps.push(what);
  const ready = (): Promise<void> => Promise.reject(new Error('it is not what it says'));
  const publish = (): void => assert.unreachable('it moved');
  await log
    .compact({ target: folder.open('log.new'), select: () => [], ready, publish, settle: () => folder.sync() })
    .then(
      () => assert.unreachable('it said nothing'),
      (error: Error) => assert.match(error.message, 'not what it says'),
    );
  assert.is(steps.at(-1), 'end of sync log.new');
  log.append(RecordType.envelope, text('b'));
  await log.close();
  assert.equal(await contents(folder), ['a', 'b']);
});

for (const step of ['append log.new', 'sync log.new', 'rename log.new']) {
  test(`a disk that fails at "${step}" leaves the old log in use`, async () => {
    const { folder, log } = await opened();
    log.append(RecordType.envelope, text('a'));
    folder.fault = (what) => {
      if (what === step) throw new Error('no space left');
    };
    await compact(log, folder, () => []).then(
      () => assert.unreachable('it said nothing'),
      (error: Error) => assert.match(error.message, 'no space'),
    );
    folder.fault = () => undefined;
    log.append(RecordType.envelope, text('b'));
    await log.durable();
    await log.close();
    assert.equal(await contents(folder), ['a', 'b']);
  });
}

test('after a failed sync of the folder nothing more is promised', async () => {
  const { folder, log } = await opened();
  log.append(RecordType.envelope, text('a'));
  folder.fault = (what) => {
    if (what === 'sync folder') throw new Error('input/output error');
  };
  await compact(log, folder, () => []).catch(() => undefined);
  await log.durable().then(
    () => assert.unreachable('it promised'),
    (error: Error) => assert.match(error.message, 'input/output error'),
  );
  await log.close();
});

test('a log that is closed while it is compacted stays as it was', async () => {
  const { folder, log } = await opened();
  log.append(RecordType.envelope, text('a'));
  const moving = compact(log, folder, () => []).catch((error: unknown) => error);
  await log.close();
  assert.instance(await moving, Error);
  assert.equal(await contents(folder), ['a']);
});

test.run();
