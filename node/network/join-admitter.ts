/**
 * The admitting side of `/sandmesh/join/1`: checks that the joiner holds the link's secret, asks the person when the
 * invite wants that, grants, and hands over the control log. Before the proof a stranger learns nothing, not even
 * whether the sandbox is here. A request outlives its connection: who lost it comes back to the same question.
 */

import { randomBytes } from 'node:crypto';
import type { Stream } from '@libp2p/interface';
import { fingerprintOf } from '#node/security/identity.ts';
import { Channel } from '#protocol/channel.ts';
import type { Crypto } from '#protocol/crypto.ts';
import {
  JOIN_VERSION,
  joinBeginSchema,
  joinProofBytes,
  joinProveSchema,
  MAX_JOIN_REQUEST_BYTES,
  NONCE_LENGTH,
} from '#protocol/join-messages.ts';
import { badArgument, type CallMessage } from '#protocol/messages.ts';
import { parseHex, toHex } from '#shared/bytes.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId, SandboxId } from '#shared/ids.ts';
import { cleanName } from '#shared/names.ts';
import { ROLES, type Role } from '#shared/rights.ts';
import { Keepalive } from './keepalive.ts';
import type { InviteRecord, Replica } from './replication/replica-interface.ts';
import { StreamPipe } from './stream-pipe.ts';
import type { Timers } from './timers.ts';

/** From the stream's opening to a proof that holds. */
const PROOF_TIMEOUT_MS = 10_000;
/** Wrong proofs on one stream: a right one needs no second try. */
const MAX_TRIES = 3;
/** Requests of one sandbox that wait for a person. */
const MAX_PENDING = 32;
/** After a no, the same device is refused without asking again for this long. */
const DENIAL_MEMORY_MS = 600_000;
const MAX_DENIALS = 256;

export interface JoinRequest {
  readonly sandbox: SandboxId;
  readonly invite: InviteRecord;
  /** Raw Ed25519 key, proven. */
  readonly deviceKey: Uint8Array;
  readonly fingerprint: string;
  /** As the joiner calls itself; made harmless to show, never empty. */
  readonly name: string;
}

export type JoinDecision = { readonly approved: true; readonly role: Role } | { readonly approved: false };

/** What a sandbox lends to admit joiners. */
export interface JoinDoor {
  readonly replica: Replica;
  /**
   * Asks the person; called only for invites that want approval. A role above the invite's is cut down to it.
   *
   * @param signal aborts when the question is moot: the invite was used up, the sandbox closed
   */
  approve(request: JoinRequest, signal: AbortSignal): Promise<JoinDecision>;
}

export interface JoinAdmitterOptions {
  readonly selfKey: Uint8Array;
  readonly crypto: Crypto;
  readonly timers: Timers;
  /** Milliseconds since the epoch: an invite's expiry is judged by the admitter's clock, once. */
  readonly wallClock: () => number;
  readonly door: (sandbox: SandboxId) => JoinDoor | undefined;
}

interface Pending {
  readonly invite: string;
  readonly sandbox: SandboxId;
  readonly controller: AbortController;
  readonly outcome: Promise<MemberId>;
}

interface Proven {
  readonly door: JoinDoor;
  readonly sandbox: SandboxId;
  readonly invite: InviteRecord;
  readonly name: string;
}

export class JoinAdmitter {
  readonly #options: JoinAdmitterOptions;
  readonly #pending = new Map<string, Pending>();
  readonly #denied = new Map<string, number>();
  /** Grants one after the other: the last use of an invite is given once. */
  #granting: Promise<unknown> = Promise.resolve();

  constructor(options: JoinAdmitterOptions) {
    this.#options = options;
  }

  /** Serves one joiner. @param joinerKey proven by noise */
  serve(stream: Stream, joinerKey: Uint8Array): void {
    const { timers } = this.#options;
    let nonce: Uint8Array | undefined;
    let tries = 0;
    const cancel = timers.after(PROOF_TIMEOUT_MS, () => pipe.cut(refuse('it did not prove the link in time')));
    const onCall = async (call: CallMessage, signal: AbortSignal): Promise<unknown> => {
      if (call.command === 'join.begin') {
        begin(call);
        nonce = randomBytes(NONCE_LENGTH);
        return { nonce: toHex(nonce) };
      }
      if (call.command !== 'join.prove') throw new SandboxError('UNKNOWN_COMMAND', `Cannot run "${call.command}" here`);
      tries += 1;
      if (tries > MAX_TRIES) pipe.cut(refuse('it tried too often'));
      const challenge = nonce;
      nonce = undefined;
      const proven = this.#prove(call, joinerKey, challenge);
      cancel();
      const member = await this.#admit(proven, joinerKey, signal, () => {
        const args = { admitter: nameOf(proven.door.replica) };
        channel.cast({ command: 'join.waiting', args });
      });
      return { member, control: proven.door.replica.controlEntries() };
    };
    const channel = new Channel({ send: (bytes) => pipe.send(bytes), onCall, maxReceiveBytes: MAX_JOIN_REQUEST_BYTES });
    const keepalive = new Keepalive({
      timers,
      ping: () => channel.control({ command: 'ping', params: { nonce: 0 } }),
      onDead: () => pipe.cut(refuse('no sign of life')),
    });
    const pipe: StreamPipe = new StreamPipe(stream, {
      onBytes: (chunk) => {
        keepalive.heard();
        try {
          channel.receive(chunk);
        } catch (error) {
          pipe.cut(SandboxError.from(error));
        }
      },
      onDrain: () => undefined,
      onClose: (reason) => {
        cancel();
        keepalive.stop();
        channel.close(reason);
      },
    });
    keepalive.start();
  }

  /** Withdraws what waits for a decision about a sandbox that closes. */
  close(sandbox: SandboxId): void {
    for (const pending of this.#pending.values()) {
      if (pending.sandbox === sandbox)
        pending.controller.abort(new SandboxError('CANCELLED', 'The sandbox was closed'));
    }
  }

  /** @throws {SandboxError} UNAUTHENTICATED, the same for every cause; BAD_ARGUMENT */
  #prove(call: CallMessage, joinerKey: Uint8Array, nonce: Uint8Array | undefined): Proven {
    const parsed = joinProveSchema.safeParse(call.args);
    if (!parsed.success) throw badArgument('a join request', parsed.error);
    const { sandbox, invite, signature, name } = parsed.data;
    const door = this.#options.door(sandbox);
    const record = door?.replica.control.invites.get(invite);
    if (nonce === undefined || door === undefined || record === undefined) throw unauthenticated();
    const key = parseHex(invite) as Uint8Array;
    const bytes = joinProofBytes({ sandbox, invite: key, joiner: joinerKey, admitter: this.#options.selfKey, nonce });
    if (!this.#options.crypto.verify(key, bytes, parseHex(signature) as Uint8Array)) throw unauthenticated();
    return { door, sandbox, invite: record, name: cleanName(name) || 'guest' };
  }

  async #admit(proven: Proven, joinerKey: Uint8Array, signal: AbortSignal, onWait: () => void): Promise<MemberId> {
    const known = proven.door.replica.control.memberByKey(joinerKey);
    // Its first answer was lost on the way, or it joins again from the same home.
    if (known !== undefined && !known.removed) return known.id;
    const name = pendingName(proven.sandbox, joinerKey);
    let pending = this.#pending.get(name);
    if (pending === undefined || pending.invite !== proven.invite.publicKey) {
      this.#assertOpen(proven.invite, name);
      pending?.controller.abort(new SandboxError('CANCELLED', 'The device asked again with another link'));
      pending = this.#ask(name, proven, joinerKey);
    }
    if (proven.invite.approval) onWait();
    return await withSignal(pending.outcome, signal);
  }

  /** Judged once, here, by our own clock. */
  #assertOpen(invite: InviteRecord, name: string): void {
    const now = this.#options.wallClock();
    if (invite.revoked)
      throw new SandboxError('INVITE_REVOKED', 'Cannot join: the link was withdrawn', { hint: NEW_LINK });
    if (invite.expiresAt <= now) {
      const when = new Date(invite.expiresAt).toISOString();
      throw new SandboxError('INVITE_EXPIRED', `Cannot join: the link was good until ${when}`, { hint: NEW_LINK });
    }
    if (invite.used >= invite.uses) throw inviteUsed();
    const deniedAt = this.#denied.get(name);
    if (deniedAt !== undefined && this.#options.timers.now() - deniedAt < DENIAL_MEMORY_MS) throw denied();
    if (this.#pending.size >= MAX_PENDING) {
      throw new SandboxError('LIMIT_EXCEEDED', `Cannot join: ${MAX_PENDING} others wait for an answer`);
    }
  }

  #ask(name: string, proven: Proven, joinerKey: Uint8Array): Pending {
    const controller = new AbortController();
    const outcome = this.#decide(proven, joinerKey, controller.signal).finally(() => {
      if (this.#pending.get(name)?.controller === controller) this.#pending.delete(name);
    });
    // Nobody may be connected to hear it.
    outcome.catch((error: unknown) => {
      if (error instanceof SandboxError && error.code === 'JOIN_DENIED') this.#remember(name);
    });
    const pending = { invite: proven.invite.publicKey, sandbox: proven.sandbox, controller, outcome };
    this.#pending.set(name, pending);
    return pending;
  }

  async #decide(proven: Proven, deviceKey: Uint8Array, signal: AbortSignal): Promise<MemberId> {
    const { door, invite, sandbox, name } = proven;
    let role = invite.role;
    if (invite.approval) {
      const request = { sandbox, invite, deviceKey, fingerprint: fingerprintOf(deviceKey), name };
      const decision = await withSignal(door.approve(request, signal), signal);
      if (!decision.approved) throw denied();
      role = lower(decision.role, invite.role);
    }
    const grant = this.#granting.then(() => this.#grant(proven, deviceKey, role));
    this.#granting = grant.catch(() => undefined);
    return await grant;
  }

  async #grant({ door, invite, sandbox, name }: Proven, deviceKey: Uint8Array, role: Role): Promise<MemberId> {
    const { authority, control } = door.replica;
    if (authority === undefined) {
      throw new SandboxError('FORBIDDEN', 'Cannot join here: this member may not admit anybody', { hint: NEW_LINK });
    }
    const fresh = control.invites.get(invite.publicKey) ?? invite;
    if (fresh.used >= fresh.uses) throw inviteUsed();
    const record = await authority.grant({ invite: invite.publicKey, deviceKey, name, role });
    const after = door.replica.control.invites.get(invite.publicKey);
    if (after !== undefined && after.used >= after.uses) this.#withdraw(sandbox, invite.publicKey, deviceKey);
    return record.id;
  }

  /** The last use is gone: whoever else waits with the same link is told, and its prompt goes away. */
  #withdraw(sandbox: SandboxId, invite: string, winner: Uint8Array): void {
    for (const [name, pending] of this.#pending) {
      if (name === pendingName(sandbox, winner) || pending.invite !== invite) continue;
      if (pending.sandbox === sandbox) pending.controller.abort(inviteUsed());
    }
  }

  #remember(name: string): void {
    if (this.#denied.size >= MAX_DENIALS) this.#denied.delete(this.#denied.keys().next().value as string);
    this.#denied.set(name, this.#options.timers.now());
  }
}

const NEW_LINK = 'Ask whoever sent it for a new link.';

function begin(call: CallMessage): void {
  const parsed = joinBeginSchema.safeParse(call.args);
  if (!parsed.success) throw badArgument('a join request', parsed.error);
  if (parsed.data.version === JOIN_VERSION) return;
  throw new SandboxError('VERSION_UNSUPPORTED', `Cannot join with version ${parsed.data.version} of the protocol`, {
    hint: `The other side speaks version ${JOIN_VERSION}: update the older one.`,
  });
}

function pendingName(sandbox: SandboxId, deviceKey: Uint8Array): string {
  return `${sandbox} ${toHex(deviceKey)}`;
}

function nameOf(replica: Replica): string {
  return replica.control.members.get(replica.self)?.name ?? '';
}

function lower(a: Role, b: Role): Role {
  return ROLES.indexOf(a) < ROLES.indexOf(b) ? a : b;
}

function withSignal<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

function refuse(why: string): SandboxError {
  return new SandboxError('UNAUTHENTICATED', `The joiner was dropped: ${why}`);
}

function unauthenticated(): SandboxError {
  return new SandboxError('UNAUTHENTICATED', 'Cannot join: the link does not open anything here', { hint: NEW_LINK });
}

function denied(): SandboxError {
  return new SandboxError('JOIN_DENIED', 'Cannot join: the request was denied', {
    hint: 'Ask the person who sent it.',
  });
}

function inviteUsed(): SandboxError {
  return new SandboxError('INVITE_USED', 'Cannot join: the link was already used', { hint: NEW_LINK });
}
