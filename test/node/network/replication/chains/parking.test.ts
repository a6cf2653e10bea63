/** Envelopes that wait: found again by what they wait for, forgotten when there are too many, the oldest first. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { awaited } from '#node/network/replication/chains/acceptance.ts';
import { nameOf, type Parked, Parking } from '#node/network/replication/chains/parking.ts';
import { NodeCrypto } from '#node/security/crypto.ts';
import { EnvelopeKind, sealEnvelope } from '#protocol/envelope.ts';
import type { Head } from '#protocol/replication-messages.ts';
import type { MemberId, SandboxId } from '#shared/ids.ts';
import { newSigner } from '../sandbox-fixture.ts';

const signer = newSigner();
const crypto = new NodeCrypto();

function parked(seq: number, bytes = 10): Parked {
  const fields = {
    sandbox: '00'.repeat(20) as SandboxId,
    member: 2 as MemberId,
    incarnation: 7,
    seq,
    previous: new Uint8Array(seq === 1 ? 0 : 32),
    control: [1],
    deps: [],
    document: 'debug',
    kind: EnvelopeKind.update,
    clock: 0,
  };
  const { envelope } = sealEnvelope(fields, new Uint8Array(1), signer, crypto);
  return { envelope, bytes: new Uint8Array(bytes) };
}

function missing(seq: number): Head {
  return { member: 2 as MemberId, incarnation: 7, seq, hash: new Uint8Array(16).fill(seq) };
}

test('what waited for the same is released together, once', () => {
  const parking = new Parking();
  const [a, b, c] = [parked(2), parked(3), parked(4)] as const;
  parking.park(awaited(missing(1)), a, missing(1));
  parking.park(awaited(missing(1)), b, missing(1));
  parking.park('control:0:9', c);
  assert.ok(parking.has(nameOf(a.envelope)));
  assert.equal(parking.release(awaited(missing(1))), [a, b]);
  assert.equal(parking.release(awaited(missing(1))), []);
  assert.not(parking.has(nameOf(a.envelope)));
  assert.equal(parking.release('control:0:9'), [c]);
});

test('the oldest are forgotten when too many wait, or too many bytes', () => {
  const parking = new Parking();
  const first = parked(2);
  assert.not(parking.park(awaited(missing(1)), first, missing(1)));
  for (let seq = 3; seq < 4002; seq++) assert.not(parking.park('control:0:9', parked(seq)));
  assert.ok(parking.park('control:0:9', parked(5000)));
  assert.not(parking.has(nameOf(first.envelope)));
  assert.equal(parking.release(awaited(missing(1))), []);
  assert.ok(parking.park('control:0:9', parked(5001, 16 * 2 ** 20)));
  assert.is(parking.release('control:0:9').length, 1, 'the large one alone has room');
});

test('what must be fetched for one that waits is what is missing at the end of its line', () => {
  const parking = new Parking();
  const early = parked(2);
  const late = parked(3);
  const head = (of: Parked): Head => {
    const { member, incarnation, seq } = of.envelope.header;
    return { member, incarnation, seq, hash: of.envelope.hash.slice(0, 16) };
  };
  parking.park(awaited(missing(1)), early, missing(1));
  parking.park(awaited(head(early)), late, head(early));
  assert.equal(parking.absentFor([head(late), head(early)]), [missing(1)]);
  assert.equal(parking.absentFor([missing(9)]), [missing(9)], 'nothing of it is here');
  parking.park('control:0:9', parked(6));
  assert.equal(parking.absentFor([head(parked(6))]), [], 'only a control entry is missing');
});

test.run();
