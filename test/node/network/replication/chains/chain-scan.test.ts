import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ChainScan, type ScanResult } from '#node/network/replication/chains/chain-scan.ts';
import { NodeCrypto, signerFromSeed } from '#node/security/crypto.ts';
import { EnvelopeKind, sealEnvelope } from '#protocol/envelope.ts';
import type { MemberId, SandboxId } from '#shared/ids.ts';

const crypto = new NodeCrypto();
const SANDBOX = 'ab'.repeat(20) as SandboxId;
const signer = signerFromSeed(new Uint8Array(32).fill(7));
const stranger = signerFromSeed(new Uint8Array(32).fill(8));

interface Sealed {
  readonly bytes: Uint8Array;
  readonly hash: Uint8Array;
}

function seal(
  seq: number,
  previous: Uint8Array,
  options: { text?: string; by?: typeof signer; sandbox?: string } = {},
): Sealed {
  const { text = `payload ${seq}`, by = signer, sandbox = SANDBOX } = options;
  const fields = {
    sandbox: sandbox as SandboxId,
    member: 3 as MemberId,
    incarnation: 9,
    seq,
    previous,
    control: [2],
    deps: [],
    document: 'debug',
    kind: EnvelopeKind.update,
    clock: seq,
  };
  const { bytes, envelope } = sealEnvelope(fields, new TextEncoder().encode(text), by, crypto);
  return { bytes, hash: envelope.hash };
}

function chain(length: number): Sealed[] {
  const sealed: Sealed[] = [];
  for (let seq = 1; seq <= length; seq++) sealed.push(seal(seq, sealed.at(-1)?.hash ?? new Uint8Array(0)));
  return sealed;
}

function scan(bodies: readonly Uint8Array[], keys = [signer.publicKey]): ScanResult {
  const scanned = new ChainScan({ crypto, sandbox: SANDBOX, keysOf: () => keys });
  for (const [position, body] of bodies.entries()) scanned.add(position, body);
  return scanned.finish((position) => bodies[position] as Uint8Array);
}

const bytesOf = (sealed: readonly Sealed[]): Uint8Array[] => sealed.map(({ bytes }) => bytes.slice());
const problems = (bodies: readonly Uint8Array[], keys?: Uint8Array[]): string =>
  scan(bodies, keys)
    .problems.map(({ position, problem }) => `${position}: ${problem}`)
    .join('; ');

test('a whole chain holds by one signature', () => {
  const result = scan(bytesOf(chain(50)));
  assert.equal(result, { envelopes: 50, chains: ['3/9'], signatures: 1, problems: [] });
});

test('every byte of header and payload counts', () => {
  const sealed = chain(5);
  const body = (sealed[2] as Sealed).bytes;
  // A signature below the head is vouched for by the head: its 64 bytes lie between header and payload.
  const signature = body.length - new TextEncoder().encode('payload 3').length - 1 - 64;
  for (let at = 0; at < body.length; at++) {
    if (at >= signature - 2 && at < signature + 64) continue;
    const bodies = bytesOf(sealed);
    (bodies[2] as Uint8Array)[at] = (body[at] as number) ^ 1;
    assert.is.not(problems(bodies), '', `byte ${at} of ${body.length}`);
  }
});

test('a head that another key signed, or nobody who was admitted, is found', () => {
  const sealed = chain(3);
  const forged = seal(4, (sealed[2] as Sealed).hash, { by: stranger });
  assert.is(problems(bytesOf([...sealed, forged])), '3: its signature does not verify');
  assert.match(problems(bytesOf(sealed), []), 'admitted by nobody');
});

test('a branch vouches for itself, and so does what stands behind a gap; the gap is told', () => {
  const sealed = chain(6);
  const branch = seal(4, (sealed[2] as Sealed).hash, { text: 'other' });
  const further = seal(5, branch.hash, { text: 'other' });
  assert.is(problems(bytesOf([...sealed, branch, further])), '');
  assert.is(scan(bytesOf([...sealed, branch, further])).signatures, 3);
  const gap = bytesOf(sealed).filter((_, i) => i !== 2);
  assert.is(problems(gap), '2: envelope 4 follows one that is not here');
  const forged = seal(4, (sealed[2] as Sealed).hash, { text: 'other', by: stranger });
  assert.is(problems(bytesOf([...sealed, forged])), '6: its signature does not verify');
});

test('an envelope of another sandbox is told', () => {
  const [first] = chain(1);
  const other = seal(2, (first as Sealed).hash, { sandbox: 'cd'.repeat(20) });
  assert.is(problems(bytesOf([first as Sealed, other])), '1: it belongs to another sandbox');
});

test('a chain goes on from the head of a checkpoint', () => {
  const sealed = chain(10);
  const scanned = new ChainScan({ crypto, sandbox: SANDBOX, keysOf: () => [signer.publicKey] });
  scanned.begin({ member: 3 as MemberId, incarnation: 9, seq: 6, hash: (sealed[5] as Sealed).hash });
  for (const [i, { bytes }] of sealed.entries()) if (i > 5) scanned.add(i, bytes);
  assert.equal(scanned.finish((position) => (sealed[position] as Sealed).bytes).problems, []);
});

test.run();
