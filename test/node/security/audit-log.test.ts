import fs, { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AuditLog } from '#node/security/audit/audit-log.ts';
import { type AuditAnchor, readAuditEntries, verifyAuditLog } from '#node/security/audit/audit-reader.ts';
import { NodeCrypto } from '#node/security/crypto.ts';
import { createSigningKey } from '#node/security/identity.ts';
import { type AuditFacts, formatAuditLine, sealAuditEntry } from '#protocol/audit-line.ts';
import { failure } from '../failure.ts';
import { withFolder } from '../temporary-folder.ts';

const crypto = new NodeCrypto();
const key = createSigningKey();

function fact(n: number): AuditFacts {
  return { type: 'done', via: 'local', what: 'execution.pause', detail: `number ${n}`, outcome: 'ok' };
}

/** Writes lines in batches of `batch`, each batch a write of its own. */
async function write(folder: string, count: number, options: { batch?: number; maxSegmentBytes?: number } = {}) {
  const { batch = 3, maxSegmentBytes } = options;
  const log = new AuditLog({
    folder,
    signer: key,
    crypto,
    ...(maxSegmentBytes === undefined ? {} : { maxSegmentBytes }),
  });
  for (let n = 1; n <= count; n++) {
    log.record(fact(n));
    if (n % batch === 0) log.write();
  }
  await log.close();
  return log;
}

function verify(folder: string, anchors: readonly AuditAnchor[] = []) {
  return verifyAuditLog(folder, { crypto, key: key.publicKey, anchors });
}

function segments(folder: string): string[] {
  return readdirSync(folder).sort();
}

/** The lines of the only segment, changed. */
function edit(folder: string, change: (lines: string[]) => string[]): void {
  const file = join(folder, segments(folder)[0] ?? '');
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  writeFileSync(file, `${change(lines).join('\n')}\n`);
}

/** The disk has no room while `body` runs. */
async function withFullDisk(body: () => Promise<void>): Promise<void> {
  const { writeSync } = fs;
  fs.writeSync = () => {
    throw new Error('ENOSPC: no space left on device, write');
  };
  syncBuiltinESMExports();
  try {
    await body();
  } finally {
    fs.writeSync = writeSync;
    syncBuiltinESMExports();
  }
}

test('while the disk is full nothing is recorded, so nothing is done; with room again the chain goes on', () =>
  withFolder(async (folder) => {
    const log = new AuditLog({ folder, signer: key, crypto });
    log.record(fact(1));
    log.write();
    await withFullDisk(async () => {
      log.record(fact(2));
      assert.is((await failure(async () => log.write())).code, 'HOME_UNWRITABLE');
      assert.is((await failure(async () => void log.record(fact(99)))).code, 'HOME_UNWRITABLE');
      assert.is((await failure(() => log.durable())).code, 'HOME_UNWRITABLE');
    });
    log.record(fact(3));
    await log.durable();
    await log.close();
    const entries = await readAuditEntries(folder, crypto, { limit: 100 });
    assert.equal(
      entries.map(({ detail }) => detail),
      ['number 1', 'number 2', 'number 3'],
    );
    assert.equal((await verify(folder)).problems, []);
  }));

test('what was recorded reads back in order, and verifies', () =>
  withFolder(async (folder) => {
    const log = await write(folder, 10);
    const entries = await readAuditEntries(folder, crypto, { limit: 100 });
    assert.equal(
      entries.map(({ seq, detail }) => [seq, detail]),
      Array.from({ length: 10 }, (_, i) => [i + 1, `number ${i + 1}`]),
    );
    const result = await verify(folder);
    assert.equal(result.problems, []);
    assert.equal([result.lines, result.signatures, result.head], [10, 4, log.head]);
    assert.is((await readAuditEntries(folder, crypto, { limit: 3 })).length, 3);
    assert.equal(await readAuditEntries(folder, crypto, { since: Date.now() + 60_000, limit: 3 }), []);
  }));

test('a line that waits for the next to be signed with it is signed when the log is to be read', () =>
  withFolder(async (folder) => {
    const log = new AuditLog({ folder, signer: key, crypto });
    log.record(fact(1), { sign: false });
    log.write({ sign: false });
    assert.match((await verify(folder)).problems[0]?.problem ?? '', 'the last 1 lines are not signed');
    log.writeForReading();
    assert.equal(await verify(folder).then(({ lines, problems }) => ({ lines, problems })), { lines: 2, problems: [] });
    log.writeForReading();
    assert.is((await verify(folder)).lines, 2);
    await log.close();
  }));

test('every line is JSON as any tool reads it', () =>
  withFolder(async (folder) => {
    await write(folder, 3);
    edit(folder, (lines) => {
      for (const line of lines) assert.is(typeof JSON.parse(line).hash, 'string');
      return lines;
    });
  }));

const tampering: Readonly<Record<string, readonly [(lines: string[]) => string[], RegExp]>> = {
  'an edited line': [(lines) => lines.with(4, (lines[4] ?? '').replace('number 5', 'number 6')), /line 5 was edited/],
  'one flipped character of a hash': [
    (lines) =>
      lines.with(
        4,
        (lines[4] ?? '').replace(/"hash":"(.)/, (_, c) => `"hash":"${c === '0' ? '1' : '0'}`),
      ),
    /line 5 was edited/,
  ],
  'a removed line': [(lines) => lines.toSpliced(4, 1), /line 6 follows line 4: lines were removed/],
  'the first line removed': [(lines) => lines.slice(1), /line 2 follows line 0/],
  'two lines swapped': [
    (lines) => lines.with(4, lines[5] ?? '').with(5, lines[4] ?? ''),
    /line 6 follows line 4: lines were removed, added or moved/,
  ],
  'a line doubled': [(lines) => lines.toSpliced(4, 0, lines[4] ?? ''), /line 5 follows line 5/],
  'a line that is none': [(lines) => lines.toSpliced(4, 0, '{"hello":true}'), /no line of an audit log/],
  'a signature whose text was edited': [
    // The last of 86 characters carries four bits that must be zero.
    (lines) => lines.map((line) => line.replace(/.("})$/, 'B$1')),
    /its signature is not by this device's key/,
  ],
  'the last signature gone': [
    (lines) => lines.with(-1, (lines.at(-1) ?? '').replace(/,"signature":"[^"]*"/, '')),
    /the last 1 lines are not signed/,
  ],
};

for (const [what, [change, problem]] of Object.entries(tampering)) {
  test(`${what} is found`, () =>
    withFolder(async (folder) => {
      await write(folder, 10);
      edit(folder, change);
      const { problems } = await verify(folder);
      assert.match(problems.map((each) => each.problem).join('\n'), problem);
    }));
}

test('a line replaced by another with a right hash is found by the one after it', () =>
  withFolder(async (folder) => {
    await write(folder, 10);
    edit(folder, (lines) => {
      const { hash: _hash, signature: _signature, ...entry } = JSON.parse(lines[4] ?? '');
      const sealed = sealAuditEntry({ ...entry, outcome: 'FORBIDDEN' }, crypto);
      return lines.with(4, formatAuditLine(sealed.body, sealed.hash));
    });
    const { problems } = await verify(folder);
    assert.equal(
      problems.map(({ line, problem }) => [line, problem]),
      [[6, 'line 6 does not follow the line before it: one of them was replaced']],
    );
  }));

test('a chain built anew without the device key is found by its signatures', () =>
  withFolder(async (folder) => {
    const forger = new AuditLog({ folder, signer: createSigningKey(), crypto });
    forger.record(fact(1));
    await forger.close();
    const { problems } = await verify(folder);
    assert.match(problems[0]?.problem ?? '', /not by this device's key/);
  }));

test('a cut tail, and a log rewritten with the device key, are found by the heads others hold', () =>
  withFolder(async (folder) => {
    const log = await write(folder, 9);
    const anchors = [{ ...log.head, source: 'sandbox abc' }];
    assert.equal((await verify(folder, anchors)).problems, []);
    edit(folder, (lines) => lines.slice(0, 6));
    assert.match((await verify(folder, anchors)).problems[0]?.problem ?? '', /lines 7 to 9 are missing at the end/);
    edit(folder, () => []);
    truncateSync(join(folder, segments(folder)[0] ?? ''), 0);
    await write(folder, 9, { batch: 1 });
    assert.match(
      (await verify(folder, anchors)).problems.map(({ problem }) => problem).join('\n'),
      /line 9 is not the one that was anchored in sandbox abc/,
    );
  }));

test('a line cut short by a crash is taken off, and the chain goes on', () =>
  withFolder(async (folder) => {
    await write(folder, 4, { batch: 1 });
    appendFileSync(join(folder, segments(folder)[0] ?? ''), '{"v":1,"seq":5,"prev');
    await write(folder, 2);
    const { problems, lines } = await verify(folder);
    assert.equal(problems, []);
    assert.is(lines, 7);
    const opened = (await readAuditEntries(folder, crypto, { limit: 10 }))[4];
    assert.match(opened?.why ?? '', /a line of 20 bytes that was cut short/);
  }));

test('the log goes over to new segments, and a missing one is found', () =>
  withFolder(async (folder) => {
    await write(folder, 60, { maxSegmentBytes: 4_000 });
    assert.ok(segments(folder).length > 3);
    assert.equal((await verify(folder)).problems, []);
    const [, second = ''] = segments(folder);
    writeFileSync(join(folder, second), '');
    assert.match((await verify(folder)).problems[0]?.problem ?? '', /lines were removed, added or moved/);
  }));

test('a segment that is a folder is named, and what the others hold is still verified', () =>
  withFolder(async (folder) => {
    await write(folder, 60, { maxSegmentBytes: 4_000 });
    const [, second = '', third = ''] = segments(folder);
    rmSync(join(folder, second));
    mkdirSync(join(folder, second));
    const { problems, lines } = await verify(folder);
    assert.equal([problems[0]?.file, problems[0]?.line], [second, 1]);
    assert.match(problems[0]?.problem ?? '', /it cannot be read: EISDIR/);
    assert.match(problems[1]?.problem ?? '', /lines were removed, added or moved/);
    assert.equal([problems.length, problems[1]?.file, lines > 30], [2, third, true]);
    const error = await failure(() => readAuditEntries(folder, crypto, { limit: 10 }));
    assert.is(error.code, 'STORAGE_CORRUPT');
    assert.match(error.message, join(folder, second));
    assert.match(error.hint ?? '', 'Move it away');
  }));

test('durable() waits for what was recorded before it, also while a sync runs', () =>
  withFolder(async (folder) => {
    const log = new AuditLog({ folder, signer: key, crypto });
    const waits: Promise<void>[] = [];
    for (let n = 1; n <= 50; n++) {
      log.record(fact(n));
      waits.push(log.durable());
      if (n % 7 === 0) await waits.at(-1);
    }
    await Promise.all(waits);
    const { lines, problems } = await verify(folder);
    assert.equal([lines, problems], [50, []]);
    await log.close();
    await log.close();
    assert.throws(() => log.record(fact(51)), /it is closed/);
  }));

test.run();
