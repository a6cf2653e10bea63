import { randomBytes } from 'node:crypto';
import { base64url } from 'jose';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NodeCrypto, signerFromSeed } from '#node/security/crypto.ts';
import { type ControlEntryBody, type ControlSigner, controlSignerFromSeed } from '#protocol/control-entry.ts';
import { ControlLog } from '#protocol/control-log.ts';
import { deriveSandboxId } from '#protocol/sandbox-id.ts';
import { toHex } from '#shared/bytes.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import { randomFrom, seedOf } from '#test/seed.ts';

const crypto = new NodeCrypto();
const device = signerFromSeed(randomBytes(32)).publicKey;
const key = (): string => toHex(signerFromSeed(randomBytes(32)).publicKey);

async function newSigner(): Promise<ControlSigner> {
  const seed = new Uint8Array(randomBytes(32));
  return await controlSignerFromSeed(seed, signerFromSeed(seed).publicKey);
}

async function newLog(): Promise<{
  log: ControlLog;
  signer: ControlSigner;
  add(body: ControlEntryBody): Promise<string>;
}> {
  const signer = await newSigner();
  const founding = { ownerKey: signer.publicKey, nonce: new Uint8Array(16), recoveryHash: new Uint8Array(32) };
  const log = new ControlLog(deriveSandboxId(founding, crypto), crypto);
  const add = async (body: ControlEntryBody): Promise<string> => {
    const entry = await log.sign(body, signer, 0);
    await log.append(entry);
    return entry;
  };
  await add({
    type: 'genesis',
    ownerKey: toHex(signer.publicKey),
    nonce: '00'.repeat(16),
    recoveryHash: '00'.repeat(32),
    name: 'shop',
    device: { key: toHex(device), name: 'ada' },
  });
  return { log, signer, add };
}

const invite = (name: string, uses = 1): ControlEntryBody => ({
  type: 'invite',
  key: name,
  role: 'debugger',
  uses,
  expiresAt: 1,
  approval: true,
  admitter: 0,
});
const grant = (member: number, name: string, options: object = {}): ControlEntryBody => ({
  type: 'grant',
  member: member as MemberId,
  key: key(),
  name: 'bob',
  role: 'debugger',
  invite: name,
  ...options,
});

async function refuses(promise: Promise<unknown>, what: string): Promise<void> {
  let code = 'accepted';
  try {
    await promise;
  } catch (error) {
    code = error instanceof SandboxError ? error.code : String(error);
  }
  assert.is(code, 'BAD_CONTROL_ENTRY', what);
}

test('the first device is member 1 and owner; grants, roles and removals fold', async () => {
  const { log, add } = await newLog();
  const name = key();
  await add(invite(name));
  await add(grant(2, name));
  await add({ type: 'role', member: 2 as MemberId, role: 'viewer', frontier: [] });
  await add({ type: 'revoke', member: 2 as MemberId, frontier: [] });
  const { state } = log;
  assert.is(state.roleNow(1 as MemberId), 'owner');
  const roles = [2, 3, 4, 5].map((seq) => state.roleAt(2 as MemberId, [seq]));
  assert.equal(roles, [null, 'debugger', 'viewer', null]);
  assert.is(state.invites.get(name)?.used, 1);
  assert.is(state.nextMember(), 3);
});

test('entries that mean nothing are refused and leave the log as it was', async () => {
  const { log, signer, add } = await newLog();
  const name = key();
  await add(invite(name));
  await add(grant(2, name));
  const taken = [...log.state.members.values()][1]?.deviceKey as Uint8Array;
  const bodies: [string, ControlEntryBody][] = [
    ['an invite used up', grant(3, name)],
    ['an unknown invite', grant(3, key())],
    ['a member number given before', grant(2, name)],
    ['a key that is an active member', grant(3, name, { key: toHex(taken), invite: undefined })],
    ['the identity as a key', grant(3, name, { key: `01${'00'.repeat(31)}` })],
    ['a role of nobody', { type: 'role', member: 9 as MemberId, role: 'owner', frontier: [] }],
    ['an invite that exists', invite(name)],
    [
      'a second genesis',
      {
        type: 'genesis',
        ownerKey: key(),
        nonce: '00'.repeat(16),
        recoveryHash: key(),
        name: '',
        device: { key: key(), name: '' },
      },
    ],
  ];
  for (const [what, body] of bodies) {
    const head = log.head;
    const signed = await log.sign(JSON.parse(JSON.stringify(body)) as ControlEntryBody, signer, 0);
    await refuses(log.append(signed), what);
    assert.equal(log.head, head, what);
  }
  const more = key();
  await add(invite(more));
  await refuses(log.append(await log.sign(grant(3, more, { role: 'owner' }), signer, 0)), 'a role above the invite');
});

test('only the owner signs, and only the next entry of this sandbox', async () => {
  const { log, signer, add } = await newLog();
  const other = await newLog();
  const name = key();
  await refuses(log.append(await log.sign(invite(name), await newSigner(), 0)), 'another key');
  await refuses(log.append(await other.log.sign(invite(name), signer, 0)), 'another sandbox');
  const first = await log.sign(invite(name), signer, 0);
  await log.append(first);
  const { head } = log;
  await log.append(first);
  assert.equal(log.head, head, 'a replay changes nothing');
  await add(invite(key()));
  await refuses(log.append(await log.sign(invite(key()), signer, 0, { after: { seq: 9, hash: head.hash } })), 'a gap');
});

test('a log must begin with the genesis its id is derived from', async () => {
  const { log } = await newLog();
  const other = await newLog();
  const empty = new ControlLog(log.sandbox, crypto);
  await refuses(empty.append(other.log.entries()[0] as string), 'another genesis');
  const forged = await newSigner();
  const claim = await empty.sign(
    {
      type: 'genesis',
      ownerKey: toHex(forged.publicKey),
      nonce: '00'.repeat(16),
      recoveryHash: '00'.repeat(32),
      name: 'shop',
      device: { key: toHex(device), name: 'eve' },
    },
    forged,
    0,
  );
  await refuses(empty.append(claim), 'a genesis by another key');
});

test('JWS tricks are refused: none, other types, embedded keys, critical headers, loose encodings', async () => {
  const { log, signer } = await newLog();
  const good = await log.sign(invite(key()), signer, 0);
  const [header, payload, signature] = good.split('.') as [string, string, string];
  const with_ = (fields: object): string => `${base64url.encode(JSON.stringify(fields))}.${payload}.${signature}`;
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: base64url.encode(device) };
  const attacks = {
    'alg none': with_({ alg: 'none', typ: 'sandmesh-control' }),
    'alg none, no signature': `${base64url.encode('{"alg":"none"}')}.${payload}.`,
    'another type': with_({ alg: 'EdDSA', typ: 'JWT' }),
    'no type': with_({ alg: 'EdDSA' }),
    'alg HS256': with_({ alg: 'HS256', typ: 'sandmesh-control' }),
    'embedded jwk': with_({ alg: 'EdDSA', typ: 'sandmesh-control', jwk }),
    jku: with_({ alg: 'EdDSA', typ: 'sandmesh-control', jku: 'https://example.org' }),
    x5c: with_({ alg: 'EdDSA', typ: 'sandmesh-control', x5c: ['x'] }),
    crit: with_({ alg: 'EdDSA', typ: 'sandmesh-control', crit: ['b64'], b64: false }),
    'padded signature': `${header}.${payload}.${signature}=`,
    'loose trailing bits': `${header}.${payload}.${loosen(signature)}`,
    'four parts': `${good}.x`,
    'changed payload': `${header}.${base64url.encode('{}')}.${signature}`,
    empty: '',
  };
  for (const [what, attack] of Object.entries(attacks)) await refuses(log.append(attack), what);
  await log.append(good);
});

test('mutated entries are refused', async () => {
  const { log, signer } = await newLog();
  const good = await log.sign(invite(key()), signer, 0);
  const random = randomFrom(seedOf('control entry fuzz'));
  const alphabet = 'ABCXYZabcxyz0189-_.={}"';
  for (let i = 0; i < 500; i++) {
    const at = Math.floor(random() * good.length);
    const char = alphabet[Math.floor(random() * alphabet.length)] as string;
    const mutated = good.slice(0, at) + char + good.slice(at + (random() < 0.8 ? 1 : 0));
    if (mutated !== good) await refuses(log.append(mutated), `at ${at}: ${char}`);
  }
});

test('names lose what could forge a terminal line', async () => {
  const { log, add } = await newLog();
  const name = key();
  await add(invite(name));
  await add(grant(2, name, { name: 'ada\u001b[2K\u202e  evil\n' }));
  assert.is(log.state.members.get(2 as MemberId)?.name, 'ada[2K evil');
});

/** The same signature bytes with the unused low bits of the last character set. */
function loosen(text: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = alphabet.indexOf(text.at(-1) as string);
  return text.slice(0, -1) + (alphabet[last ^ 1] as string);
}

test.run();
