// test: limit 120 s
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hasKeys, readArchive, writeArchive } from '#node/sandbox/sandbox-archive.ts';
import { SandboxFolders } from '#node/sandbox/sandbox-folder.ts';
import { verifySandbox } from '#node/sandbox/verify-sandbox.ts';
import { NodeCrypto } from '#node/security/crypto.ts';
import { createSigningKey } from '#node/security/identity.ts';
import { ensureHome, locateHome } from '#node/storage/home.ts';
import { parseEnvelope } from '#protocol/envelope.ts';
import type { SandboxId } from '#shared/ids.ts';
import { failure } from '../failure.ts';
import { withFolder } from '../temporary-folder.ts';

const crypto = new NodeCrypto();
const LOG = 'sandbox.log';

interface Stored {
  readonly id: SandboxId;
  /** The sandbox's. */
  readonly folder: string;
  readonly folders: SandboxFolders;
  /** For files of the test. */
  readonly base: string;
}

/** A sandbox with some history, closed. */
function withStored(use: (stored: Stored) => Promise<void>): Promise<void> {
  return withFolder(async (base) => {
    const home = locateHome({ SANDMESH_HOME: join(base, 'home') });
    ensureHome(home);
    const folders = new SandboxFolders(home, createSigningKey());
    const { replica } = await folders.found('shop', 'olga', undefined);
    for (let n = 0; n < 6; n++) await replica.edit('debug', (doc) => doc.getMap('m').set(`k${n}`, { n }));
    await replica.writeRegister('notes', 'chat/0', { text: 'hello' });
    const id = replica.sandbox;
    await replica.stop();
    await use({ id, folder: folders.path(id), base, folders });
  });
}

/** Problems after one byte of a copy of the log was changed. */
async function problemsWithFlip({ id, folder, base }: Stored, at: number): Promise<readonly string[]> {
  const copy = join(base, 'copy');
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(copy);
  copyFileSync(join(folder, 'local.json'), join(copy, 'local.json'));
  const bytes = readFileSync(join(folder, LOG));
  bytes[at] = (bytes[at] ?? 0) ^ 0x01;
  writeFileSync(join(copy, LOG), bytes);
  const { problems } = await verifySandbox(copy, id, crypto);
  return problems.map(({ problem }) => problem);
}

test('what was stored verifies, down to every signature', () =>
  withStored(async ({ id, folder }) => {
    const result = await verifySandbox(folder, id, crypto);
    assert.equal(result.problems, []);
    assert.ok(result.controlEntries >= 1);
    assert.is(result.envelopes, 7);
    assert.is(result.chains, 1);
    assert.is(result.signatures, result.controlEntries + result.envelopes);
  }));

test('one changed bit anywhere in the log is found', () =>
  withStored(async (stored) => {
    const { size } = statSync(join(stored.folder, LOG));
    // Bytes 8 to 15 of the header mean nothing; 11 is prime, so that every field of a record gets its turn.
    const missed: number[] = [];
    for (let at = 0; at < size; at = at === 7 ? 16 : at < 64 ? at + 1 : at + 11) {
      if ((await problemsWithFlip(stored, at)).length === 0) missed.push(at);
    }
    assert.equal(missed, []);
  }));

test('a changed envelope with a new checksum is found by its signature or its chain', () =>
  withStored(async ({ id, folder, base }) => {
    const { AppendLog, RecordType } = await import('#node/storage/append-log.ts');
    const { openLogFile } = await import('#node/storage/log-file.ts');
    const { nodeEnvironment } = await import('#node/network/replication/environment.ts');
    const records: { type: number; body: Uint8Array }[] = [];
    const source = await AppendLog.open(openLogFile(join(folder, LOG)), nodeEnvironment(), ({ type, body }) => {
      records.push({ type, body: body.slice() });
    });
    await source.log.close();
    const rewrite = async (changed: readonly { type: number; body: Uint8Array }[]): Promise<string> => {
      const copy = join(base, 'copy');
      rmSync(copy, { recursive: true, force: true });
      mkdirSync(copy);
      copyFileSync(join(folder, 'local.json'), join(copy, 'local.json'));
      const { log } = await AppendLog.open(openLogFile(join(copy, LOG)), nodeEnvironment(), () => undefined);
      for (const { type, body } of changed) log.append(type as 1 | 2 | 3, body);
      await log.close();
      const { problems } = await verifySandbox(copy, id, crypto);
      return problems.map(({ problem }) => problem).join('\n');
    };
    assert.is(await rewrite(records), '');
    const first = records.findIndex(({ type }) => type === RecordType.envelope);
    const tampered = records.with(first + 1, flipped(records[first + 1], 20));
    assert.match(
      await rewrite(tampered),
      /signature that does not verify|follows one that is not here|by nobody|Cannot read/,
    );
    const last = records.at(-1);
    const { signature } = parseEnvelope(last?.body ?? new Uint8Array(), crypto);
    const at = Buffer.from(last?.body ?? []).indexOf(signature);
    assert.match(await rewrite(records.with(-1, flipped(last, at + 10))), /signature that does not verify/);
    const withoutOne = records.toSpliced(first + 2, 1);
    assert.match(await rewrite(withoutOne), /follows one that is not here/);
    assert.match(
      await rewrite(records.slice(1)),
      /a control entry does not hold|by nobody whom the control log admits/,
    );
    assert.match(await rewrite([...records, { type: 2, body: new Uint8Array(40) }]), /Cannot read an envelope/);
  }));

function flipped(
  record: { type: number; body: Uint8Array } | undefined,
  at: number,
): { type: number; body: Uint8Array } {
  const body = record?.body.slice() ?? new Uint8Array(1);
  body[at] = (body[at] ?? 0) ^ 0x01;
  return { type: record?.type ?? 2, body };
}

test('a missing log, a torn tail and a blob that is not its name are found', () =>
  withStored(async ({ id, folder, base }) => {
    const copy = join(base, 'copy');
    cpSync(folder, copy, { recursive: true });
    writeFileSync(join(copy, LOG), Buffer.concat([readFileSync(join(copy, LOG)), Buffer.from([0, 0, 0, 9, 1])]));
    mkdirSync(join(copy, 'blobs'), { recursive: true });
    writeFileSync(join(copy, 'blobs', 'ab'.repeat(32)), 'no such content');
    const { problems, blobs } = await verifySandbox(copy, id, crypto);
    assert.equal(
      problems.map(({ problem }) => problem),
      ['its content is not what its name is the hash of', 'the last 5 bytes are no whole record'],
    );
    assert.is(blobs, 1);
    rmSync(join(copy, LOG));
    const [, missing] = (await verifySandbox(copy, id, crypto)).problems;
    assert.is(missing?.problem, 'the log is missing');
  }));

test('a log that was emptied is not whole, nor of a device that is no member: the way out is said', () =>
  withStored(async ({ id, folder, folders }) => {
    const log = join(folder, LOG);
    const header = readFileSync(log).subarray(0, 16);
    for (const left of [Buffer.alloc(0), header.subarray(0, 5), header]) {
      writeFileSync(log, left);
      const [first] = (await verifySandbox(folder, id, crypto)).problems;
      assert.equal(first?.file, LOG);
      assert.match(first?.problem ?? '', left === header ? 'tells of nobody' : `it has ${left.length} bytes`);
      const error = await failure(() => folders.open(id));
      assert.is(error.code, 'STORAGE_CORRUPT');
      assert.match(error.message, `Cannot open sandbox ${id}`);
      assert.match(error.hint ?? '', `Move "${folder}" away`);
    }
    rmSync(log);
    mkdirSync(log);
    assert.match((await failure(() => folders.open(id))).message, /Cannot open the log ".*": EISDIR/);
    rmSync(log, { recursive: true });
    execFileSync('mkfifo', [log]);
    assert.match((await failure(() => folders.open(id))).message, /Cannot open the log ".*": it is no file/);
  }));

test('an export unpacks to the same bytes, holds keys only when asked, and nobody else may read it', () =>
  withStored(async ({ id, folder, base }) => {
    const about = { sandbox: id, name: 'shop', exportedAt: 1 };
    for (const keys of [false, true]) {
      const file = join(base, `export-${keys}`);
      const target = join(base, `out-${keys}`);
      assert.equal(writeArchive(file, folder, { ...about, keys }), { bytes: statSync(file).size, keys });
      assert.is(statSync(file).mode & 0o777, 0o600);
      const manifest = await readArchive(file, () => target);
      assert.equal([manifest.sandbox, manifest.name, hasKeys(manifest)], [id, 'shop', keys]);
      assert.equal(readFileSync(join(target, LOG)), readFileSync(join(folder, LOG)));
      assert.equal(readdirSync(target).sort(), keys ? ['owner.key', 'recovery.key', LOG] : [LOG]);
      const text = readFileSync(file, 'latin1');
      assert.is(text.includes('PRIVATE KEY'), keys);
      assert.not.ok(text.includes(readFileSync(join(folder, 'local.json'), 'latin1').slice(0, 40)));
    }
    for (const name of ['owner.key', 'recovery.key']) rmSync(join(folder, name));
    const none = writeArchive(join(base, 'no-keys-there'), folder, { ...about, keys: true });
    assert.is(none.keys, false, 'it says so when there were none');
    const again = await failure(() => writeArchive(join(base, 'export-true'), folder, { ...about, keys: false }));
    assert.is(again.code, 'BAD_ARGUMENT');
  }));

test('one changed bit, one byte less or one more anywhere in an export is refused', () =>
  withStored(async ({ id, folder, base }) => {
    const file = join(base, 'x');
    writeArchive(file, folder, { sandbox: id, name: 'shop', exportedAt: 1, keys: false });
    const bytes = readFileSync(file);
    const damaged = join(base, 'damaged');
    const target = join(base, 'out');
    const refuses = async (content: Uint8Array): Promise<string> => {
      rmSync(target, { recursive: true, force: true });
      writeFileSync(damaged, content);
      return (await failure(() => readArchive(damaged, () => target))).code;
    };
    for (let at = 0; at < bytes.length; at += at < 40 ? 1 : 13) {
      const copy = Buffer.from(bytes);
      copy[at] = (copy[at] ?? 0) ^ 0x10;
      assert.ok(['BAD_EXPORT', 'VERSION_UNSUPPORTED'].includes(await refuses(copy)), `byte ${at}`);
    }
    assert.is(await refuses(bytes.subarray(0, -1)), 'BAD_EXPORT');
    assert.is(await refuses(Buffer.concat([bytes, Buffer.from([0])])), 'BAD_EXPORT');
    assert.is(await refuses(Buffer.alloc(0)), 'BAD_EXPORT');
  }));

test('a part of an export cannot name a place of its own', () =>
  withFolder(async (base) => {
    const { createHash } = await import('node:crypto');
    for (const name of ['../../evil', '/etc/evil', 'blobs/../../evil', 'local.json', 'blobs/x', 'sandbox.log/x']) {
      const sha256 = createHash('sha256').update('x').digest('hex');
      const manifest = {
        version: 1,
        sandbox: 'ab'.repeat(20),
        name: 's',
        exportedAt: 1,
        parts: [{ name, bytes: 1, sha256 }],
      };
      const json = Buffer.from(JSON.stringify(manifest));
      const head = Buffer.alloc(12);
      head.write('SMXP');
      head.writeUInt32BE(1, 4);
      head.writeUInt32BE(json.length, 8);
      const hash = createHash('sha256').update(json).digest();
      const file = join(base, 'evil.sandmesh');
      writeFileSync(file, Buffer.concat([head, json, hash, Buffer.from('x')]));
      assert.is((await failure(() => readArchive(file, () => join(base, 'out')))).code, 'BAD_EXPORT', name);
      assert.not(existsSync(join(base, 'evil')));
    }
  }));

test.run();
