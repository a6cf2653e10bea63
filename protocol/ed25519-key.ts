/**
 * Which 32 bytes may be an Ed25519 public key here: a canonically encoded point of the prime-order subgroup, and not
 * its identity. Small-order keys make signatures that verify for any message, and keys with a torsion part make
 * verifiers disagree; OpenSSL accepts both, so every key is checked once, where it enters.
 */

import { PUBLIC_KEY_BYTES } from './crypto.ts';

const P = 2n ** 255n - 19n;
/** Order of the base point's subgroup. */
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const D = mod(-121665n * power(121666n, P - 2n));
const SQRT_MINUS_ONE = power(2n, (P - 1n) / 4n);

/** Extended coordinates: x = X/Z, y = Y/Z, T = XY/Z. */
interface Point {
  readonly X: bigint;
  readonly Y: bigint;
  readonly Z: bigint;
  readonly T: bigint;
}

const IDENTITY: Point = { X: 0n, Y: 1n, Z: 1n, T: 0n };

/** Whether `key` is safe to verify signatures with; about 3 ms, so do it once per key. */
export function isSafePublicKey(key: Uint8Array): boolean {
  if (key.length !== PUBLIC_KEY_BYTES) return false;
  const point = decodePoint(key);
  if (point === undefined || isIdentity(point)) return false;
  return isIdentity(multiply(point, L));
}

function decodePoint(key: Uint8Array): Point | undefined {
  let y = 0n;
  for (let i = PUBLIC_KEY_BYTES - 1; i >= 0; i--) y = (y << 8n) | BigInt(key[i] as number);
  const sign = y >> 255n;
  y &= 2n ** 255n - 1n;
  if (y >= P) return undefined;
  const x = recoverX(y, sign);
  return x === undefined ? undefined : { X: x, Y: y, Z: 1n, T: mod(x * y) };
}

/** RFC 8032, 5.1.3. */
function recoverX(y: bigint, sign: bigint): bigint | undefined {
  const u = mod(y * y - 1n);
  const v = mod(D * y * y + 1n);
  let x = mod(u * power(v, 3n) * power(mod(u * power(v, 7n)), (P - 5n) / 8n));
  const check = mod(v * x * x);
  if (check === mod(-u)) x = mod(x * SQRT_MINUS_ONE);
  else if (check !== u) return undefined;
  if (x === 0n && sign === 1n) return undefined;
  return (x & 1n) === sign ? x : P - x;
}

function isIdentity(point: Point): boolean {
  return point.X === 0n && point.Y === point.Z;
}

function multiply(point: Point, scalar: bigint): Point {
  let result = IDENTITY;
  let addend = point;
  for (let rest = scalar; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = add(result, addend);
    addend = add(addend, addend);
  }
  return result;
}

/** Complete addition law for a = -1, also used for doubling. */
function add(p: Point, q: Point): Point {
  const a = mod((p.Y - p.X) * (q.Y - q.X));
  const b = mod((p.Y + p.X) * (q.Y + q.X));
  const c = mod(2n * D * p.T * q.T);
  const d = mod(2n * p.Z * q.Z);
  const e = b - a;
  const f = d - c;
  const g = d + c;
  const h = b + a;
  return { X: mod(e * f), Y: mod(g * h), Z: mod(f * g), T: mod(e * h) };
}

function mod(n: bigint): bigint {
  const rest = n % P;
  return rest < 0n ? rest + P : rest;
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  let square = mod(base);
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = mod(result * square);
    square = mod(square * square);
  }
  return result;
}
