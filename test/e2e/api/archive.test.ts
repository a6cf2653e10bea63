// test: limit 120 s
/** A sandbox as a file, over REST: what an export holds, what an import brings back, and what it refuses. */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { CommandArgs, CommandName, CommandResult } from '#protocol/catalogue/catalogue.ts';
import { eventually } from '../mesh/members.ts';
import { type ApiScene, pauseProgram, withApiScene } from './scene.ts';

interface Problem {
  readonly code: string;
  readonly detail: string;
}
type Reply<N extends CommandName> = { readonly status: number; readonly body: CommandResult<N> & Problem };

/** Runs a command by its route, as a stranger's tool does. */
function asking(scene: ApiScene, access: string) {
  return async <N extends CommandName>(command: N, args: CommandArgs<N>): Promise<Reply<N>> => {
    const response = await fetch(`${scene.origin}/api/v1/commands/${command}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${access}`, 'content-type': 'application/json' },
      body: JSON.stringify({ args }),
    });
    return { status: response.status, body: (await response.json()) as Reply<N>['body'] };
  };
}

test('an export holds the snapshots; an import brings them back as they were, and verify looks at them', () =>
  withApiScene(async (scene) => {
    const ask = asking(scene, await scene.access());
    await pauseProgram(scene);
    // Each looks for some milliseconds only: on a busy machine that is not always enough for everything.
    const { id: snapshot } = await eventually('a snapshot of everything', async () => {
      const { body: taken } = await ask('snapshot.take', {});
      return taken.values === 'all' ? taken : undefined;
    });
    const before = (await ask('snapshot.show', { snapshot })).body;
    assert.match(JSON.stringify(before.scopes), 'ticks');
    const file = path.join(scene.base, 'export.sandmesh');
    assert.is((await ask('storage.export', { file })).status, 200);

    assert.is((await ask('sandbox.leave', { mode: 'leave' })).status, 200);
    assert.is((await ask('snapshot.show', { snapshot })).body.code, 'SANDBOX_UNKNOWN');
    assert.is((await ask('storage.import', { file })).status, 200);
    assert.equal((await ask('snapshot.show', { snapshot })).body, before);

    const verified = async () => (await ask('storage.verify', {})).body.sandboxes[0];
    const { folder = '', blobs = 0, problems } = (await verified()) ?? {};
    assert.equal(problems, []);
    const [name = '', ...others] = readdirSync(path.join(folder, 'shared'));
    assert.is(blobs, 1 + others.length);
    writeFileSync(path.join(folder, 'shared', name), flipped(readFileSync(path.join(folder, 'shared', name)), 9));
    assert.equal((await verified())?.problems, [
      { file: `shared/${name}`, at: 0, problem: 'its content is not what its name is the hash of' },
    ]);
  }));

test('a damaged export is refused as what was asked wrong, says what is wrong with it, and leaves nothing behind', () =>
  withApiScene(async (scene) => {
    const ask = asking(scene, await scene.access());
    const file = path.join(scene.base, 'export.sandmesh');
    assert.is((await ask('storage.export', { file, keys: true })).status, 200);
    const { folder = '' } = (await ask('storage.verify', {})).body.sandboxes[0] ?? {};
    const rooms = (): string[] => readdirSync(path.dirname(folder));
    await ask('sandbox.leave', { mode: 'leave' });
    const whole = readFileSync(file);
    const json = 12 + whole.readUInt32BE(8) + 32;
    const about = (name: string, content: Uint8Array | (() => void)) => {
      const damaged = path.join(scene.base, name);
      if (typeof content === 'function') content();
      else writeFileSync(damaged, content);
      return damaged;
    };
    const sparse = path.join(scene.base, 'sparse');
    writeFileSync(sparse, '');
    const pipe = path.join(scene.base, 'pipe');
    const cases: [name: string, content: Uint8Array | (() => void), code: string, detail: RegExp][] = [
      ['empty', new Uint8Array(), 'BAD_EXPORT', /cut short/],
      ['short-head', whole.subarray(0, 7), 'BAD_EXPORT', /cut short/],
      ['short-list', whole.subarray(0, 40), 'BAD_EXPORT', /cut short/],
      ['short-part', whole.subarray(0, -1), 'BAD_EXPORT', /cut short: it has \d+ of \d+ bytes/],
      ['longer', Buffer.concat([whole, Buffer.of(0)]), 'BAD_EXPORT', /something follows its last part/],
      ['photo', Buffer.from('\x89PNG\r\n\x1a\n not an export at all'), 'BAD_EXPORT', /no export of a sandbox/],
      ['version', flipped(whole, 7), 'VERSION_UNSUPPORTED', /version 0/],
      ['list', flipped(whole, 20), 'BAD_EXPORT', /list of parts was changed/],
      ['part', flipped(whole, whole.length - 40), 'BAD_EXPORT', /part ".+" was changed/],
      ['endless-list', Buffer.concat([whole.subarray(0, 8), Buffer.alloc(4, 0xff)]), 'BAD_EXPORT', /list .* too long/],
      ['terabyte', repacked(whole, (part) => ({ ...part, bytes: 2 ** 40 })), 'BAD_EXPORT', /cut short/],
      ['escape', repacked(whole, (part) => ({ ...part, name: '../../evil' })), 'BAD_EXPORT', /malformed/],
      ['twice', repacked(whole, (part) => ({ ...part, name: 'sandbox.log' })), 'BAD_EXPORT', /listed twice/],
      ['forged-log', forged(whole, json, 'sandbox.log', 2000), 'BAD_EXPORT', /does not verify: /],
      ['forged-key', forged(whole, json, 'owner.key', 0), 'BAD_KEY', /key/],
      ['sparse', () => truncateSync(sparse, 2 ** 35), 'BAD_EXPORT', /no export of a sandbox/],
      ['folder', () => mkdirSync(path.join(scene.base, 'folder')), 'BAD_ARGUMENT', /no file/],
      ['pipe', () => execFileSync('mkfifo', [pipe]), 'BAD_ARGUMENT', /no file/],
      ['missing', () => undefined, 'BAD_ARGUMENT', /ENOENT/],
    ];
    for (const [name, content, code, detail] of cases) {
      const { status, body } = await ask('storage.import', { file: about(name, content) });
      assert.ok(status >= 400 && status < 500, `${name}: ${status} ${JSON.stringify(body)}`);
      assert.is(body.code, code, `${name}: ${body.detail}`);
      assert.match(body.detail, detail, name);
      assert.equal(rooms(), [], name);
    }
    assert.is((await ask('storage.import', { file })).status, 200, 'the whole one is taken');
    assert.is(statSync(folder).mode & 0o777, 0o700);
  }));

function flipped(bytes: Uint8Array, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

type Part = { name: string; bytes: number; sha256: string };

/** With another list of parts, and the right hash over it. */
function repacked(whole: Buffer, change: (part: Part) => Part, content?: Uint8Array): Buffer {
  const length = whole.readUInt32BE(8);
  const manifest = JSON.parse(whole.toString('utf8', 12, 12 + length)) as { parts: Part[] };
  const json = Buffer.from(JSON.stringify({ ...manifest, parts: manifest.parts.map(change) }));
  const head = Buffer.from(whole.subarray(0, 12));
  head.writeUInt32BE(json.length, 8);
  return Buffer.concat([
    head,
    json,
    createHash('sha256').update(json).digest(),
    content ?? whole.subarray(44 + length),
  ]);
}

/** With one byte of a part changed, and the right hash for that. @param start of the first part */
function forged(whole: Buffer, start: number, name: string, offset: number): Buffer {
  const { parts } = JSON.parse(whole.toString('utf8', 12, start - 32)) as { parts: Part[] };
  const index = parts.findIndex((part) => part.name === name);
  const at = start + parts.slice(0, index).reduce((sum, { bytes }) => sum + bytes, 0);
  const { bytes = 0 } = parts[index] ?? {};
  const changed = flipped(whole, at + offset);
  const sha256 = createHash('sha256')
    .update(changed.subarray(at, at + bytes))
    .digest('hex');
  return repacked(whole, (part) => (part.name === name ? { ...part, sha256 } : part), changed.subarray(start));
}

test.run();
