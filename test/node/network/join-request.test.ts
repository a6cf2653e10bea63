import { randomBytes } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { assertAddressList, isListed } from '#node/network/address-list.ts';
import { openJoinRequest, sealJoinRequest } from '#node/network/join-request.ts';
import { NodeCrypto } from '#node/security/crypto.ts';
import { createSigningKey, signingKeyFromSeed } from '#node/security/identity.ts';
import { openBox, sealBox } from '#node/security/sealed-box.ts';
import { joinRequestBytes } from '#protocol/join-messages.ts';
import type { ParsedLink } from '#protocol/link.ts';
import { toHex } from '#shared/bytes.ts';
import { SandboxError } from '#shared/errors.ts';
import type { SandboxId } from '#shared/ids.ts';

const crypto = new NodeCrypto();
const [joiner, admitter, other] = [createSigningKey(), createSigningKey(), createSigningKey()];
const link: ParsedLink = {
  ownerKey: new Uint8Array(32),
  nonce: new Uint8Array(16),
  recoveryHash: new Uint8Array(32),
  inviteSeed: new Uint8Array(randomBytes(32)),
  peers: [],
  sandbox: 'ab'.repeat(20) as SandboxId,
};
const invite = signingKeyFromSeed(link.inviteSeed);

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return error instanceof SandboxError ? error.code : String(error);
  }
  return 'accepted';
}

function sealed(): string {
  return sealJoinRequest(link, joiner, admitter.publicKey, 'cyd\u202e') as string;
}

/** As a joiner could seal it who signs what it likes. */
function forged(change: {
  device?: typeof joiner;
  consenter?: typeof joiner;
  holder?: typeof invite;
  for?: typeof admitter;
  name?: string;
}): string {
  const device = change.device ?? joiner;
  const parts = {
    sandbox: link.sandbox,
    invite: invite.publicKey,
    joiner: joiner.publicKey,
    admitter: (change.for ?? admitter).publicKey,
    name: 'cyd',
  };
  const bytes = joinRequestBytes(parts);
  const request = {
    sandbox: link.sandbox,
    invite: toHex(invite.publicKey),
    joiner: toHex(device.publicKey),
    name: change.name ?? 'cyd',
    proof: toHex((change.holder ?? invite).sign(bytes)),
    consent: toHex((change.consenter ?? device).sign(bytes)),
  };
  return Buffer.from(sealBox(admitter.publicKey, Buffer.from(JSON.stringify(request)))).toString('base64url');
}

test('a request proves that its author holds the link, and holds no part of the secret itself', () => {
  const opened = Buffer.from(openBox(admitter, Buffer.from(sealed(), 'base64url')) ?? []);
  assert.ok(opened.includes(toHex(invite.publicKey)), 'this is the request in the clear');
  const seed = Buffer.from(link.inviteSeed);
  for (const form of [seed.toString('hex'), seed.toString('base64'), seed.toString('base64url')]) {
    for (let at = 0; at + 12 <= form.length; at += 4) assert.not(opened.includes(form.slice(at, at + 12)));
  }
  assert.is(opened.indexOf(seed), -1);
});

test('a sealed request opens at the admitter, and nowhere else', () => {
  const box = sealed();
  const request = openJoinRequest(box, admitter, crypto);
  assert.is(request.joiner, toHex(joiner.publicKey));
  assert.is(request.invite, toHex(invite.publicKey));
  assert.is(request.name, 'cyd');
  assert.is(
    codeOf(() => openJoinRequest(box, other, crypto)),
    'UNAUTHENTICATED',
  );
  assert.not(Buffer.from(box, 'base64url').includes(Buffer.from(joiner.publicKey.subarray(0, 8))));
});

test('every changed byte of a box is found', () => {
  const box = Buffer.from(sealed(), 'base64url');
  for (let at = 0; at < box.length; at += 7) {
    const changed = Buffer.from(box);
    changed[at] = (changed[at] as number) ^ 1;
    // The top bit of a point's last byte is not part of it (RFC 7748); the key is hashed with it all the same.
    assert.is(
      codeOf(() => openJoinRequest(changed.toString('base64url'), admitter, crypto)),
      'UNAUTHENTICATED',
      `${at}`,
    );
  }
  for (const odd of ['', '!', 'AAAA', box.subarray(0, 40).toString('base64url')]) {
    assert.is(
      codeOf(() => openJoinRequest(odd, admitter, crypto)),
      'UNAUTHENTICATED',
      odd,
    );
  }
});

test("a request from another device, without the link's secret, for another admitter or under another name is refused", () => {
  assert.is(
    codeOf(() => openJoinRequest(forged({}), admitter, crypto)),
    'accepted',
  );
  const attacks = {
    device: { device: other },
    consenter: { consenter: other },
    holder: { holder: other },
    for: { for: other },
    name: { name: 'ada' },
  };
  for (const [what, attack] of Object.entries(attacks)) {
    assert.is(
      codeOf(() => openJoinRequest(forged(attack), admitter, crypto)),
      'UNAUTHENTICATED',
      what,
    );
  }
});

test('nothing is sealed for a key that is none', () => {
  const identity = new Uint8Array(32);
  identity[0] = 1;
  assert.is(sealJoinRequest(link, joiner, identity, 'cyd'), undefined);
});

test('boxes hold any bytes', () => {
  for (const length of [0, 1, 1000]) {
    const message = new Uint8Array(randomBytes(length));
    assert.equal(openBox(admitter, sealBox(admitter.publicKey, message)), message);
  }
});

test('addresses and ranges', () => {
  const list = ['192.168.1.7', '10.0.0.0/8', 'fd00::/8'];
  assertAddressList(list);
  for (const [address, listed] of [
    ['/ip4/192.168.1.7/tcp/1', true],
    ['/ip4/192.168.1.8/tcp/1', false],
    ['/ip4/10.200.3.4/tcp/1', true],
    ['/ip6/fd12::1/tcp/1', true],
    ['/ip6/2001:db8::1/tcp/1', false],
    ['/ip6/::ffff:10.1.1.1/tcp/1', true],
    ['/dns4/example.org/tcp/1', false],
    ['', false],
  ] as const) {
    assert.is(isListed(address, list), listed, address);
  }
  for (const bad of ['10.0.0.0/33', '10.0.0', 'office', '10.0.0.0/8/8', '10.0.0.0/-1', '']) {
    assert.is(
      codeOf(() => assertAddressList([bad])),
      'BAD_ARGUMENT',
      bad,
    );
  }
});

test('what cannot limit an invite is quoted as far as it fits, and too many are named a range', () => {
  const textOf = (list: readonly string[]): string => {
    try {
      assertAddressList(list);
    } catch (error) {
      return SandboxError.from(error).message;
    }
    return '';
  };
  assert.match(textOf(['']), 'Cannot limit an invite to "": it is no address and no range');
  assert.is(textOf(['a'.repeat(500)]).includes(`"${'a'.repeat(64)}…"`), true);
  assert.match(textOf([`10.0.0.0/8${' '.repeat(90)}`]), 'no address');
  assert.match(textOf(Array.from({ length: 65 }, () => '10.0.0.1')), 'to 65 addresses: it takes 64');
});

test.run();
