/**
 * The side of `/sandmesh/join/1` that is joined: checks that the joiner holds the link's secret, has it decided about
 * here or carries its request to whoever decides, and hands over the control log. Before the proof a stranger learns
 * nothing, not even whether the sandbox is here.
 */

import { randomBytes } from 'node:crypto';
import type { Stream } from '@libp2p/interface';
import type { SigningKey } from '#node/security/identity.ts';
import { Channel } from '#protocol/channel.ts';
import type { Crypto } from '#protocol/crypto.ts';
import {
  JOIN_VERSION,
  type JoinWaiting,
  joinBeginSchema,
  joinCarrySchema,
  joinProofBytes,
  joinProveSchema,
  joinSealedSchema,
  MAX_JOIN_REQUEST_BYTES,
  NONCE_LENGTH,
} from '#protocol/join-messages.ts';
import { badArgument, type CallMessage } from '#protocol/messages.ts';
import { parseHex, toHex } from '#shared/bytes.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId, SandboxId } from '#shared/ids.ts';
import { cleanName } from '#shared/names.ts';
import { JoinCarrier, type JoinCarrierOptions } from './join-carrier.ts';
import { JoinDesk, type JoinDoor, NEW_LINK, type Proven } from './join-desk.ts';
import { openJoinRequest } from './join-request.ts';
import { Keepalive } from './keepalive.ts';
import type { Replica } from './replication/replica-interface.ts';
import { StreamPipe } from './stream-pipe.ts';
import type { Timers } from './timers.ts';
import { toldError } from './told-error.ts';

/** From the stream's opening to a proof that holds. */
const PROOF_TIMEOUT_MS = 10_000;
/** Wrong proofs on one stream: a right one needs no second try. */
const MAX_TRIES = 3;

export interface JoinAdmitterOptions extends Omit<JoinCarrierOptions, 'timers'> {
  readonly self: SigningKey;
  readonly crypto: Crypto;
  readonly timers: Timers;
  /** Milliseconds since the epoch: an invite's expiry is judged by the admitter's clock, once. */
  readonly wallClock: () => number;
  readonly door: (sandbox: SandboxId) => JoinDoor | undefined;
}

export class JoinAdmitter {
  readonly #options: JoinAdmitterOptions;
  readonly #desk: JoinDesk;
  readonly #carrier: JoinCarrier;

  constructor(options: JoinAdmitterOptions) {
    this.#options = options;
    this.#desk = new JoinDesk(options);
    this.#carrier = new JoinCarrier(options);
  }

  /** Serves one joiner. @param joinerKey proven by noise; @param seenFrom multiaddr of its end of the connection */
  serve(stream: Stream, joinerKey: Uint8Array, seenFrom: string): void {
    const { timers } = this.#options;
    let nonce: Uint8Array | undefined;
    let proven: Proven | undefined;
    let tries = 0;
    const cancel = timers.after(PROOF_TIMEOUT_MS, () => pipe.cut(refuse('it did not prove the link in time')));
    const waiting = (args: JoinWaiting): void => channel.cast({ command: 'join.waiting', args: { ...args } });
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
      const joiner = this.#prove(call, joinerKey, challenge, seenFrom);
      proven = joiner;
      cancel();
      const { replica } = joiner.door;
      const member = this.#desk.decides(joiner)
        ? await this.#desk.admit(joiner, signal, () => waiting({ admitter: nameOf(replica) }))
        : await this.#carrier.wait(joiner, { waiting }, signal);
      return { member, control: replica.controlEntries() };
    };
    const channel = new Channel({
      send: (bytes) => pipe.send(bytes),
      onCall: (call, signal) =>
        onCall(call, signal).catch((error: unknown) => {
          throw toldError(error);
        }),
      onCast: (cast) => {
        const sealed = joinSealedSchema.safeParse(cast.args);
        // Out of turn or odd: a cast asks for no answer.
        if (cast.command !== 'join.sealed' || !sealed.success || proven === undefined) return;
        this.#carrier.take(proven, sealed.data.key, sealed.data.box);
      },
      maxReceiveBytes: MAX_JOIN_REQUEST_BYTES,
    });
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

  /**
   * Decides about a request that a member carries here.
   *
   * @throws {SandboxError} FORBIDDEN when it is not for us to decide; what deciding throws
   */
  async decideCarried(sandbox: SandboxId, call: CallMessage, signal: AbortSignal): Promise<{ member: MemberId }> {
    const parsed = joinCarrySchema.safeParse(call.args);
    if (!parsed.success) throw badArgument('a carried join request', parsed.error);
    const { self, crypto, door: doorOf } = this.#options;
    const request = openJoinRequest(parsed.data.box, self, crypto);
    const door = doorOf(sandbox);
    const invite = door?.replica.control.invites.get(request.invite);
    if (door === undefined || invite === undefined || request.sandbox !== sandbox) throw unauthenticated();
    const joinerKey = parseHex(request.joiner) as Uint8Array;
    const name = cleanName(request.name) || 'guest';
    const proven = { door, sandbox, invite, joinerKey, name, seenFrom: undefined };
    if (!this.#desk.decides(proven)) {
      throw new SandboxError('FORBIDDEN', 'Cannot decide about a joiner: somebody else admits under this invite');
    }
    return { member: await this.#desk.admit(proven, signal, () => undefined) };
  }

  /** Withdraws what waits for a decision about a sandbox that closes. */
  close(sandbox: SandboxId): void {
    this.#desk.close(sandbox);
    this.#carrier.close(sandbox);
  }

  /** @throws {SandboxError} UNAUTHENTICATED, the same for every cause; BAD_ARGUMENT */
  #prove(call: CallMessage, joinerKey: Uint8Array, nonce: Uint8Array | undefined, seenFrom: string): Proven {
    const parsed = joinProveSchema.safeParse(call.args);
    if (!parsed.success) throw badArgument('a join request', parsed.error);
    const { sandbox, invite, signature, name } = parsed.data;
    const door = this.#options.door(sandbox);
    const record = door?.replica.control.invites.get(invite);
    if (nonce === undefined || door === undefined || record === undefined) throw unauthenticated();
    const key = parseHex(invite) as Uint8Array;
    const bytes = joinProofBytes({
      sandbox,
      invite: key,
      joiner: joinerKey,
      admitter: this.#options.self.publicKey,
      nonce,
    });
    if (!this.#options.crypto.verify(key, bytes, parseHex(signature) as Uint8Array)) throw unauthenticated();
    return { door, sandbox, invite: record, joinerKey, name: cleanName(name) || 'guest', seenFrom };
  }
}

function begin(call: CallMessage): void {
  const parsed = joinBeginSchema.safeParse(call.args);
  if (!parsed.success) throw badArgument('a join request', parsed.error);
  if (parsed.data.version === JOIN_VERSION) return;
  throw new SandboxError('VERSION_UNSUPPORTED', `Cannot join with version ${parsed.data.version} of the protocol`, {
    hint: `The other side speaks version ${JOIN_VERSION}: update the older one.`,
  });
}

function nameOf(replica: Replica): string {
  return replica.control.members.get(replica.self)?.name ?? '';
}

function refuse(why: string): SandboxError {
  return new SandboxError('UNAUTHENTICATED', `The joiner was dropped: ${why}`);
}

function unauthenticated(): SandboxError {
  return new SandboxError('UNAUTHENTICATED', 'Cannot join: the link does not open anything here', { hint: NEW_LINK });
}
