/** Signs control entries of an owner and delegates for tests, each log by its own keys, also where none should follow. */

import { createHash } from 'node:crypto';
import { NodeCrypto, signerFromSeed } from '#node/security/crypto.ts';
import { type ControlEntryBody, type ControlSigner, controlSignerFromSeed } from '#protocol/control-entry.ts';
import { type ControlHead, ControlLog } from '#protocol/control-log.ts';
import { deriveSandboxId } from '#protocol/sandbox-id.ts';
import { toHex } from '#shared/bytes.ts';
import type { MemberId } from '#shared/ids.ts';
import type { Role } from '#shared/rights.ts';

export const crypto = new NodeCrypto();

/** A key by name: the same name is the same key in every test. */
export function keyOf(name: string): string {
  return toHex(signerFromSeed(seedOfName(name)).publicKey);
}

export function signerOf(name: string): Promise<ControlSigner> {
  const seed = seedOfName(name);
  return controlSignerFromSeed(seed, signerFromSeed(seed).publicKey);
}

export interface Workshop {
  /** Everything signed here, in order. */
  readonly log: ControlLog;
  readonly signed: string[];
  /** Signs the next entry of a log (0 by default) and appends it. */
  add(body: ControlEntryBody, options?: { log?: number; by?: string }): Promise<string>;
  /** Signs only. */
  sign(body: ControlEntryBody, options?: { log?: number; by?: string; after?: ControlHead }): Promise<string>;
  /** Another, empty log of the same sandbox. */
  empty(): ControlLog;
  /** Another one that took these entries. */
  replay(entries: readonly string[]): Promise<ControlLog>;
}

/** A sandbox of the keys `owner` and `recovery`; member 1 is the device `ada`. */
export async function openWorkshop(): Promise<Workshop> {
  const owner = await signerOf('owner');
  const recoveryHash = crypto.sha256((await signerOf('recovery')).publicKey);
  const founding = { ownerKey: owner.publicKey, nonce: new Uint8Array(16), recoveryHash };
  const empty = (): ControlLog => new ControlLog(deriveSandboxId(founding, crypto), crypto);
  const log = empty();
  const signed: string[] = [];
  const workshop: Workshop = {
    log,
    signed,
    empty,
    async sign(body, { log: number = 0, by, after } = {}) {
      const signer = await signerOf(by ?? (number === 0 ? 'owner' : `delegate ${number}`));
      return await log.sign(body, signer, signed.length, { log: number, ...(after === undefined ? {} : { after }) });
    },
    async add(body, options) {
      const entry = await workshop.sign(body, options);
      await log.append(entry);
      signed.push(entry);
      return entry;
    },
    async replay(entries) {
      const copy = empty();
      for (const entry of entries) await copy.append(entry);
      return copy;
    },
  };
  await workshop.add({
    type: 'genesis',
    ownerKey: toHex(owner.publicKey),
    nonce: '00'.repeat(16),
    recoveryHash: toHex(recoveryHash),
    name: 'shop',
    device: { key: keyOf('ada'), name: 'ada' },
  });
  return workshop;
}

export function grant(member: number, name: string, role: Role = 'editor', invite?: string): ControlEntryBody {
  const body = { type: 'grant' as const, member: member as MemberId, key: keyOf(name), name, role };
  return invite === undefined ? body : { ...body, invite: keyOf(invite) };
}

export function invite(
  name: string,
  options: { role?: Role; uses?: number; admitter?: number } = {},
): ControlEntryBody {
  const { role = 'editor', uses = 1, admitter = 0 } = options;
  return { type: 'invite', key: keyOf(name), role, uses, expiresAt: 1, approval: false, admitter };
}

/** Member numbers 1001 to 2000 for member 2, and so on. */
export function delegate(member: number, options: { role?: Role; from?: number; to?: number } = {}): ControlEntryBody {
  const { role = 'editor', from = (member - 1) * 1000 + 1, to = member * 1000 } = options;
  const key = keyOf(`delegate ${member}`);
  return { type: 'delegate', member: member as MemberId, key, role, from: from as MemberId, to: to as MemberId };
}

export function revoke(member: number, logs?: [number, number]): ControlEntryBody {
  const body = { type: 'revoke' as const, member: member as MemberId, frontier: [] };
  return logs === undefined ? body : { ...body, logs: [[logs[0] as MemberId, logs[1]]] };
}

export function role(member: number, to: Role, logs?: [number, number]): ControlEntryBody {
  const body = { type: 'role' as const, member: member as MemberId, role: to, frontier: [] };
  return logs === undefined ? body : { ...body, logs: [[logs[0] as MemberId, logs[1]]] };
}

/** Everything a state says, as text: equal for equal states. */
export function describe(log: ControlLog): string {
  const { state } = log;
  const members = [...state.members.values()].map(({ id, name, role: now, removed }) => [id, name, now, removed]);
  const invites = [...state.invites.values()].map(({ publicKey, used, revoked }) => [publicKey, used, revoked]).sort();
  const judged = [...state.members.keys()].flatMap((member) =>
    [1, 3, 6, 20].map((seq) => {
      const control = [seq, ...state.position.slice(1)];
      return state.counts({ member, incarnation: 1, seq: 1, control, document: 'debug' });
    }),
  );
  const { position, forks, recoveryHash, ownerKey } = state;
  return JSON.stringify({ members, invites, position, forks, recoveryHash, ownerKey: toHex(ownerKey), judged });
}

function seedOfName(name: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(name).digest());
}
