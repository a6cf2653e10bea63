/** What comes as text: links, control entries, messages, arguments, requests, lines and settings read from disk. */

import { createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { judgeRequest } from '#node/gateway/http/request-guard.ts';
import { parseCommand } from '#node/pipeline/parse.ts';
import { NodeCrypto, signerFromSeed } from '#node/security/crypto.ts';
import { parseSealedSeed } from '#node/security/sealed-seed.ts';
import { ConfigStore } from '#node/storage/config.ts';
import { uiCommandSchema } from '#protocol/api/ui-messages.ts';
import { formatAuditLine, parseAuditLine, sealAuditEntry, verifyAuditHead } from '#protocol/audit-line.ts';
import { decodeBase64Url, encodeBase64Url } from '#protocol/base64url.ts';
import { catalogue } from '#protocol/catalogue/catalogue.ts';
import type { ControlEntry } from '#protocol/control-entry.ts';
import {
  joinCarrySchema,
  joinProveSchema,
  joinRequestSchema,
  joinSealedSchema,
  joinWaitingSchema,
} from '#protocol/join-messages.ts';
import { encodeLink, type InviteLink, parseLink } from '#protocol/link.ts';
import { callSchema, castSchema, controlSchema, decodeJson, encodeJson, replySchema } from '#protocol/messages.ts';
import { broadcastSchema } from '#protocol/topics.ts';
import { equalBytes } from '#shared/bytes.ts';
import { encodeRegisterWrites, parseRegisterWrites } from '#shared/documents/register-table.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import { delegate, grant, invite, openWorkshop, revoke, role, signerOf } from '../../protocol/control-workshop.ts';
import type { Random } from '../../simulate/random.ts';
import { type FuzzTarget, promise } from '../fuzz.ts';
import { changeText, join, mutateBytes, mutateCbor, mutateJson, mutateValue } from '../mutate.ts';

const crypto = new NodeCrypto();
const SANDBOX = 'ab'.repeat(20);
const KEY = 'c0'.repeat(32);

const links: FuzzTarget = {
  name: 'links',
  prepare(random) {
    const peer = { key: random.bytes(32), addresses: [random.bytes(7), random.bytes(20)] };
    const link: InviteLink = {
      ownerKey: random.bytes(32),
      nonce: random.bytes(16),
      recoveryHash: random.bytes(32),
      inviteSeed: random.bytes(32),
      peers: [peer],
    };
    const samples = [
      encodeLink(link),
      encodeLink({ ...link, peers: [peer, { ...peer, addresses: [] }] }, 'https://relay.example/j'),
    ];
    return (luck) => {
      const sample = luck.pick(samples);
      const text = luck.chance(0.5) ? changeText(sample, luck) : changeBody(sample, luck);
      const { sandbox, ...read } = parseLink(text, crypto);
      promise(parseLink(encodeLink(read), crypto).sandbox === sandbox, 'a link that was read does not come back');
    };
  },
};

/** Another body under checksums that hold. */
function changeBody(link: string, luck: Random): string {
  const [base = '', payload = ''] = link.split('#');
  const bytes = decodeBase64Url(payload) as Uint8Array;
  const body = mutateCbor(bytes.subarray(3, bytes.length - 4), luck).subarray(0, 0xfff);
  const head = [0x10 | (body.length >> 8), body.length & 0xff];
  const guarded = join(new Uint8Array([...head, crc8(head)]), body);
  const tail = Buffer.alloc(4);
  tail.writeUInt32BE(crc32(guarded));
  return `${base}#${encodeBase64Url(join(guarded, tail))}`;
}

function crc8(bytes: readonly number[]): number {
  let crc = 0xff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x80) === 0 ? (crc << 1) & 0xff : ((crc << 1) ^ 0x07) & 0xff;
  }
  return crc;
}

const HEADERS = [
  { alg: 'none' },
  { alg: 'none', typ: 'sandmesh-control' },
  { alg: 'HS256', typ: 'sandmesh-control' },
  { alg: 'EdDSA', typ: 'JWT' },
  { alg: 'EdDSA', typ: 'sandmesh-control', jwk: { kty: 'OKP', crv: 'Ed25519', x: 'AA' } },
  { alg: 'EdDSA', typ: 'sandmesh-control', crit: ['exp'] },
  { typ: 'sandmesh-control', alg: 'EdDSA' },
];

const controlEntries: FuzzTarget = {
  name: 'control entries',
  async prepare() {
    const shop = await openWorkshop();
    for (const body of [grant(2, 'bob'), invite('link', { uses: 3 }), delegate(2), role(2, 'editor'), revoke(1)]) {
      // The owner's own removal means nothing; what is refused is no sample.
      await shop.add(body).catch(() => undefined);
    }
    await shop.add(invite('his', { admitter: 2 }), { log: 2 });
    await shop.add(grant(1001, 'carol', 'editor', 'his'), { log: 2 });
    const known = new Set(shop.signed);
    const bodies = shop.signed.map((text) =>
      JSON.parse(Buffer.from(text.split('.')[1] as string, 'base64url').toString()),
    );
    const owner = await signerOf('owner');
    const keeper = await signerOf('delegate 2');
    return async (luck) => {
      const at = 1 + luck.below(shop.signed.length - 1);
      const log = shop.empty();
      // They are taken as read back from disk: checking them is not what is tested here.
      for (const entry of shop.signed.slice(0, at)) await log.append(entry, { trusted: true });
      const kind = luck.below(4);
      const text = shop.signed[at] as string;
      if (kind < 2) {
        const changed =
          kind === 0 ? changeEnd(changeText(text, luck), text, luck) : withHeader(text, luck, owner.publicKey);
        await log.append(changed);
        promise(known.has(changed), 'an entry nobody signed was taken');
        return;
      }
      const entry = mutateValue(bodies[luck.chance(0.8) ? at : luck.below(bodies.length)], luck) as ControlEntry;
      const before = JSON.stringify(log.entries());
      try {
        await log.append(await (luck.chance(0.7) ? owner : keeper).sign(entry));
      } catch (error) {
        promise(JSON.stringify(log.entries()) === before, 'a refused entry stayed');
        throw error;
      }
    };
  },
};

/** Half of the changes at the end of a part, where base64url may have loose bits. */
function changeEnd(changed: string, text: string, luck: Random): string {
  if (luck.chance(0.5)) return changed;
  const parts = text.split('.');
  const at = luck.below(parts.length);
  parts[at] = `${parts[at]?.slice(0, -1)}${String.fromCharCode(48 + luck.below(75))}`;
  return parts.join('.');
}

function withHeader(text: string, luck: Random, ownerKey: Uint8Array): string {
  const [header = '', payload = '', signature = ''] = text.split('.');
  const other = encodeBase64Url(new TextEncoder().encode(JSON.stringify(luck.pick(HEADERS))));
  const chosen = luck.chance(0.8) ? other : header;
  // Key confusion: the public key as a shared secret.
  const hmac = createHmac('sha256', ownerKey).update(`${chosen}.${payload}`).digest('base64url');
  return `${chosen}.${payload}.${luck.pick([signature, '', hmac, encodeBase64Url(luck.bytes(64))])}`;
}

const MESSAGES = [
  [callSchema, { id: 3, command: 'frame.list', args: { target: '1.0a0b0c0d' }, sandbox: SANDBOX, timeoutMs: 100 }],
  [castSchema, { command: 'presence.set', args: {} }],
  [replySchema, { id: 3, ok: true, result: { a: 1 } }],
  [replySchema, { id: 3, ok: false, error: { code: 'FORBIDDEN', message: 'no', hint: 'ask' } }],
  [
    controlSchema,
    { command: 'hello', params: { agent: 'x', protocol: 1, sandbox: SANDBOX, addresses: ['/ip4/1.2.3.4'] } },
  ],
  [controlSchema, { command: 'peers', params: { peers: [{ key: KEY, addresses: [] }] } }],
  [controlSchema, { command: 'subscribe', params: { topics: ['output'], folder: '/x' } }],
  [broadcastSchema, { topic: 'output', event: { lines: [] }, metadata: { sandbox: SANDBOX, sequence: 4 } }],
  [joinProveSchema, { sandbox: SANDBOX, invite: KEY, signature: KEY + KEY, name: 'bob' }],
  [joinWaitingSchema, { admitter: 'ada', key: KEY, away: true }],
  [joinSealedSchema, { key: KEY, box: 'abc' }],
  [joinCarrySchema, { box: 'abc_-' }],
  [joinRequestSchema, { sandbox: SANDBOX, invite: KEY, joiner: KEY, name: 'b', proof: KEY + KEY, consent: KEY + KEY }],
  [
    uiCommandSchema,
    {
      type: 'command',
      id: 'a',
      timestamp: 1,
      payload: { action: 'call', command: 'frame.list', args: {}, timeoutMs: 5 },
    },
  ],
  [
    uiCommandSchema,
    { type: 'command', id: 'a', timestamp: 1, payload: { action: 'subscribe', topics: ['chat'], after: 'x' } },
  ],
] as const;

const messages: FuzzTarget = {
  name: 'messages, join, UI and WebSocket messages',
  prepare: () => (luck) => {
    const [schema, sample] = luck.pick(MESSAGES);
    const text = mutateJson(JSON.stringify(sample), luck);
    const bytes = luck.chance(0.8) ? new TextEncoder().encode(text) : mutateBytes(encodeJson(sample), luck);
    const read = decodeJson(bytes, schema);
    promise(Object.getPrototypeOf(read) === Object.prototype, 'what it read has another prototype');
    // What was taken is taken again, whole: nothing depends on what a schema drops.
    const again = decodeJson(encodeJson(read), schema);
    promise(JSON.stringify(again) === JSON.stringify(read), 'what it read is read otherwise');
  },
};

const COMMANDS = Object.keys(catalogue);
const ARGUMENTS: Readonly<Record<string, unknown>> = {
  target: '1.0a0b0c0d',
  thread: 'main',
  file: { path: 'src/cart.ts' },
  line: 4,
  column: 1,
  expression: 'total',
  condition: 'x > 1',
  member: 2,
  role: 'editor',
  name: 'bob',
  breakpoint: '1.m2xk',
  pause: 3,
  text: 'hi',
  limit: 10,
  key: 'name',
  value: 'x',
  folder: '/p',
  invite: KEY,
  request: 'r1',
  uses: 1,
};

const commandArguments: FuzzTarget = {
  name: 'arguments of commands, bodies of requests',
  prepare: () => (luck) => {
    const command = luck.chance(0.95) ? luck.pick(COMMANDS) : changeText(luck.pick(COMMANDS), luck);
    const shape = catalogue[command as keyof typeof catalogue]?.args.shape ?? {};
    const names = Object.keys(shape).filter(() => luck.chance(0.8));
    const args = Object.fromEntries(
      names.map((name) => [name, ARGUMENTS[name] ?? luck.pick(Object.values(ARGUMENTS))]),
    );
    const given = luck.chance(0.3) ? args : mutateValue(args, luck);
    if (typeof given !== 'object' || given === null)
      throw new SandboxError('BAD_ARGUMENT', 'the schema above it refuses');
    const parsed = parseCommand(command, given as Record<string, unknown>);
    promise(
      Object.keys(parsed.args).every((name) => Object.hasOwn(shape, name)),
      'an argument that nobody declared passed',
    );
    promise(Object.getPrototypeOf(parsed.args) === Object.prototype, 'the arguments have another prototype');
  },
};

const requestHeads: FuzzTarget = {
  name: 'heads of HTTP requests',
  prepare() {
    const policy = { hosts: new Set(['127.0.0.1:4000']), origins: new Set(['http://127.0.0.1:4000']) };
    const sample = [
      '/api/v1/targets?limit=3',
      'Host',
      '127.0.0.1:4000',
      'Origin',
      'http://127.0.0.1:4000',
      'Content-Type',
      'application/json',
    ];
    return (luck) => {
      const [url = '', ...rawHeaders] = sample.map((text) => (luck.chance(0.15) ? changeText(text, luck) : text));
      if (luck.chance(0.1)) rawHeaders.push('host', luck.pick(['127.0.0.1:4000', 'evil.example']));
      const headers: Record<string, string> = {};
      for (let i = 0; i + 1 < rawHeaders.length; i += 2)
        headers[(rawHeaders[i] as string).toLowerCase()] ??= rawHeaders[i + 1] as string;
      headers['content-length'] = luck.pick(['0', '4']);
      const refusal = judgeRequest({ method: 'POST', url, rawHeaders, headers }, policy);
      if (refusal !== undefined) throw new SandboxError('FORBIDDEN', refusal.detail);
      const named = rawHeaders.filter((_, i) => i % 2 === 0 && rawHeaders[i]?.toLowerCase() === 'host');
      promise(named.length === 1 && headers['host']?.toLowerCase() === '127.0.0.1:4000', 'another host passed');
      promise(
        headers['origin'] === undefined || headers['origin'] === 'http://127.0.0.1:4000',
        'another origin passed',
      );
      promise(url.startsWith('/') && !url.startsWith('//'), 'a target that is no path passed');
    };
  },
};

const registerWrites: FuzzTarget = {
  name: 'register writes',
  prepare: () => (luck) => {
    const sample = [
      ['target/1', { pid: 4, argv: ['a', null], deep: [[1.5]] }],
      ['chat/1.2', 'hällo'],
      ['gone', null],
    ];
    const text = mutateJson(JSON.stringify(sample), luck);
    const payload = new TextEncoder().encode(text);
    const writes = parseRegisterWrites(payload);
    promise(equalBytes(encodeRegisterWrites(writes), payload), 'one value has two texts');
  },
};

const auditLines: FuzzTarget = {
  name: 'audit lines',
  prepare(random) {
    const signer = signerFromSeed(random.bytes(32));
    const facts = {
      via: 'peer',
      what: 'eval',
      outcome: 'ok',
      detail: 'a", "hash":"',
      name: 'bob',
      member: 2 as MemberId,
    } as const;
    const sealed = [1, 2, 3].map((seq) =>
      sealAuditEntry(
        { ...facts, v: 1, seq, previous: seq === 1 ? '' : KEY, at: 1_700_000_000_000, type: 'done' },
        crypto,
      ),
    );
    const samples = sealed.map(({ body, hash }, i) => formatAuditLine(body, hash, i === 1 ? undefined : signer));
    return (luck) => {
      const line = changeText(luck.pick(samples), luck);
      const parsed = parseAuditLine(line, crypto);
      if (parsed === undefined || parsed.computed !== parsed.hash) throw new SandboxError('STORAGE_CORRUPT', 'refused');
      promise(
        sealed.some(({ hash }) => hash === parsed.hash),
        'an edited line has a hash that holds',
      );
      const { signature } = parsed;
      if (signature !== undefined && signature.length === 64) {
        const holds = verifyAuditHead(parsed.hash, signature, signer.publicKey, crypto);
        promise(!holds || samples.includes(line), 'an edited line has a signature that holds');
      }
    };
  },
};

const settings: FuzzTarget = {
  name: 'settings and key files',
  prepare(random) {
    const file = path.join(os.tmpdir(), 'fuzzed-config.json');
    const config = JSON.stringify({ name: 'ada', 'network.port': 4000, 'api.exposed': false, 'share.role': 'viewer' });
    const hex = (count: number) => Buffer.from(random.bytes(count)).toString('hex');
    const scrypt = { N: 65_536, r: 8, p: 1, salt: hex(16) };
    const keyring = { kind: 'keychain', entry: 'ab12' };
    const sealed = JSON.stringify({ version: 1, publicKey: hex(32), scrypt, nonce: hex(12), sealed: hex(48), keyring });
    return (luck) => {
      if (luck.chance(0.5)) {
        const read = parseSealedSeed(mutateJson(sealed, luck), 'fuzzed');
        promise(read.scrypt.N <= 2 ** 20 && read.scrypt.r <= 16, 'a key file may ask for any memory');
        return;
      }
      writeFileSync(file, mutateJson(config, luck));
      const store = new ConfigStore(file, {});
      for (const { key, value } of store.list()) promise(value !== undefined, `${key} has no value`);
    };
  },
};

export const TEXT_TARGETS: readonly FuzzTarget[] = [
  links,
  controlEntries,
  messages,
  commandArguments,
  requestHeads,
  registerWrites,
  auditLines,
  settings,
];
