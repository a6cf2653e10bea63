/**
 * Branded identifiers. Each is a plain string or number on the wire; the brand only stops one kind being passed for
 * another.
 */

declare const brand: unique symbol;
type Branded<T, B extends string> = T & { readonly [brand]: B };

/** 40 lower-case hex digits: 20 bytes hashed over the owner's key (protocol/PROTOCOL.md, Sandbox id). */
export type SandboxId = Branded<string, 'SandboxId'>;
/** A number given once by the control log and never reused: 1 is the owner's first device. 1 ≤ n < 2^21. */
export type MemberId = Branded<number, 'MemberId'>;
/** `<member>.<8 hex>`: the host's member number, then a random part that survives restarts of the process. */
export type TargetId = Branded<string, 'TargetId'>;
/** `<member>.<base36 time+random>`: unique without coordination, sorts roughly by age. */
export type BreakpointId = Branded<string, 'BreakpointId'>;
/** `<member>.<base36 time+random>`: the host that took it, then a part that sorts by age. */
export type SnapshotId = Branded<string, 'SnapshotId'>;
/** Lower-case hex SHA-256 of a file's or blob's bytes. */
export type ContentHash = Branded<string, 'ContentHash'>;

/** The forms of the ids, for JSON schemas too. */
export const SANDBOX_ID = /^[0-9a-f]{40}$/;
export const TARGET_ID = /^[1-9][0-9]{0,6}\.[0-9a-f]{8}$/;
export const BREAKPOINT_ID = /^[1-9][0-9]{0,6}\.[0-9a-z]{4,32}$/;
export const SNAPSHOT_ID = /^[1-9][0-9]{0,6}\.[0-9a-z]{10,32}$/;
export const CONTENT_HASH = /^[0-9a-f]{64}$/;

export const MAX_MEMBER_ID = 2 ** 21 - 1;

export function isSandboxId(text: string): text is SandboxId {
  return SANDBOX_ID.test(text);
}

export function isTargetId(text: string): text is TargetId {
  return TARGET_ID.test(text);
}

export function isMemberId(value: unknown): value is MemberId {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MAX_MEMBER_ID;
}

/** The member whose daemon hosts a target; read from the id, so it cannot be claimed otherwise. */
export function hostOfTarget(target: TargetId): MemberId {
  return firstPart(target);
}

/** The member whose daemon took a snapshot and keeps it. */
export function hostOfSnapshot(snapshot: SnapshotId): MemberId {
  return firstPart(snapshot);
}

function firstPart(id: string): MemberId {
  return Number(id.slice(0, id.indexOf('.'))) as MemberId;
}
