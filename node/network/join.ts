/**
 * The joining side of `/sandmesh/join/1`: finds whoever admits, proves the link's secret, waits for a person's answer
 * through lost connections, and checks the control log it is given against the link.
 */

import type { Stream } from '@libp2p/interface';
import { type SigningKey, signingKeyFromSeed } from '#node/security/identity.ts';
import { Channel } from '#protocol/channel.ts';
import { ControlLog } from '#protocol/control-log.ts';
import type { Crypto } from '#protocol/crypto.ts';
import {
  JOIN_PROTOCOL,
  JOIN_VERSION,
  joinChallengeSchema,
  joinGrantedSchema,
  joinProofBytes,
  joinWaitingSchema,
} from '#protocol/join-messages.ts';
import type { LinkPeer, ParsedLink } from '#protocol/link.ts';
import type { CastMessage } from '#protocol/messages.ts';
import { parseHex, toHex } from '#shared/bytes.ts';
import { type ErrorData, SandboxError } from '#shared/errors.ts';
import type { MemberId, SandboxId } from '#shared/ids.ts';
import { cleanName } from '#shared/names.ts';
import { parseAddressBytes } from './addresses.ts';
import { Backoff } from './backoff.ts';
import { sealJoinRequest } from './join-request.ts';
import { Keepalive } from './keepalive.ts';
import type { PeerHost } from './peer-host.ts';
import { StreamPipe } from './stream-pipe.ts';
import type { Timers } from './timers.ts';

/** "Nobody there" is said within 10 s: dialing (8 s) and the first answer share this. */
const REACH_TIMEOUT_MS = 9500;
/** Of each peer in a link over the next. */
const HEAD_START_MS = 1000;
/** A person may be at lunch, or asleep: the keepalive tells whether the admitter is still there. */
const DECISION_TIMEOUT_MS = 24 * 3600_000;

export type JoinProgress =
  | { readonly state: 'dialing'; readonly addresses: readonly string[] }
  | { readonly state: 'connected' }
  /**
   * Somebody has to decide; `admitter` is the name that member goes by, untrusted. `carried`: by the one we reached, to
   * the admitter; `away`: the admitter is not connected to that one yet.
   */
  | { readonly state: 'waiting'; readonly admitter: string; readonly carried: boolean; readonly away: boolean }
  /** The connection failed or was lost; it is tried again by itself. */
  | { readonly state: 'retrying'; readonly error: ErrorData; readonly delayMs: number };

export interface JoinOptions {
  /** What the joiner calls itself. */
  readonly name: string;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: JoinProgress) => void;
  /** Go on after PEER_UNREACHABLE, until `signal` aborts. Once somebody was asked to approve it does so anyway. */
  readonly keepTrying?: boolean;
}

export interface JoinResult {
  readonly sandbox: SandboxId;
  /** Our own number. */
  readonly member: MemberId;
  /** The control log from its genesis, verified against the link: compact JWS texts. */
  readonly control: readonly string[];
  /** Device key of whoever admitted us, and where it was reached. */
  readonly admitterKey: Uint8Array;
  readonly addresses: readonly string[];
}

export interface JoinContext {
  readonly self: SigningKey;
  readonly host: PeerHost;
  readonly crypto: Crypto;
  readonly timers: Timers;
}

/**
 * @throws {SandboxError} PEER_UNREACHABLE within 10 s unless `keepTrying`; INVITE_USED, INVITE_EXPIRED,
 * INVITE_REVOKED, JOIN_DENIED, UNAUTHENTICATED from the admitter; BAD_CONTROL_ENTRY when what it sends does not fit
 * the link; `signal.reason`
 */
export async function joinByLink(context: JoinContext, link: ParsedLink, options: JoinOptions): Promise<JoinResult> {
  const { signal, keepTrying = false } = options;
  const backoff = new Backoff();
  let asked = false;
  const onProgress = (progress: JoinProgress): void => {
    if (progress.state === 'waiting') asked = true;
    options.onProgress?.(progress);
  };
  for (;;) {
    signal.throwIfAborted();
    try {
      return await joinOnce(context, link, { ...options, onProgress });
    } catch (thrown) {
      signal.throwIfAborted();
      const error = SandboxError.from(thrown);
      const lost = error.code === 'PEER_UNREACHABLE' || error.code === 'TIMEOUT';
      if (!lost || !(keepTrying || asked)) throw error;
      const delayMs = backoff.next();
      onProgress({ state: 'retrying', error: error.toData(), delayMs });
      await pause(context.timers, delayMs, signal);
    }
  }
}

async function joinOnce(context: JoinContext, link: ParsedLink, options: JoinOptions): Promise<JoinResult> {
  const attempts = link.peers.map((peer) => ({ peer, addresses: addressesOf(peer) }));
  options.onProgress?.({ state: 'dialing', addresses: attempts.flatMap((attempt) => attempt.addresses) });
  const settled = new AbortController();
  let late = false;
  const cancel = context.timers.after(REACH_TIMEOUT_MS, () => {
    late = true;
    settled.abort(new SandboxError('TIMEOUT', 'nobody answered in time'));
  });
  const signal = AbortSignal.any([options.signal, settled.signal]);
  let conversation: JoinConversation;
  try {
    conversation = await Promise.any(
      attempts.map(async ({ peer, addresses }, i) => {
        // Whoever decides stands first: the others are for when it is away.
        await pause(context.timers, i * HEAD_START_MS, signal);
        return openConversation(context, peer, addresses, signal);
      }),
    );
  } catch (cause) {
    options.signal.throwIfAborted();
    if (late) throw timedOut(cause);
    throw cause instanceof AggregateError ? (cause.errors[0] ?? cause) : cause;
  } finally {
    cancel();
    settled.abort(new SandboxError('CANCELLED', 'another peer answered first'));
  }
  options.onProgress?.({ state: 'connected' });
  return await conversation.prove(link, options);
}

/** A stream to one admitter that has given us its challenge. */
class JoinConversation {
  readonly #context: JoinContext;
  readonly #peer: LinkPeer;
  readonly #addresses: readonly string[];
  readonly #pipe: StreamPipe;
  readonly #channel: Channel;
  readonly #keepalive: Keepalive;
  #nonce: Uint8Array = new Uint8Array(0);
  #onWaiting: (cast: CastMessage) => void = () => undefined;

  constructor(context: JoinContext, peer: LinkPeer, addresses: readonly string[], stream: Stream) {
    this.#context = context;
    this.#peer = peer;
    this.#addresses = addresses;
    this.#channel = new Channel({ send: (bytes) => this.#pipe.send(bytes), onCast: (cast) => this.#onWaiting(cast) });
    this.#keepalive = new Keepalive({
      timers: context.timers,
      ping: () => this.#channel.control({ command: 'ping', params: { nonce: 0 } }),
      onDead: () => this.#pipe.cut(new SandboxError('PEER_UNREACHABLE', 'The other side went silent')),
    });
    this.#pipe = new StreamPipe(stream, {
      onBytes: (chunk) => this.#receive(chunk),
      onDrain: () => undefined,
      onClose: (reason) => {
        this.#keepalive.stop();
        this.#channel.close(reason);
      },
    });
    this.#keepalive.start();
  }

  async begin(signal: AbortSignal): Promise<void> {
    const answer = await this.#channel.call('join.begin', { version: JOIN_VERSION }, { signal });
    const parsed = joinChallengeSchema.safeParse(answer);
    if (!parsed.success) throw new SandboxError('BAD_ARGUMENT', 'Cannot join: the other side sent no challenge');
    this.#nonce = parseHex(parsed.data.nonce) as Uint8Array;
  }

  async prove(link: ParsedLink, { name, signal, onProgress }: JoinOptions): Promise<JoinResult> {
    const { self } = this.#context;
    const invite = signingKeyFromSeed(link.inviteSeed);
    const signature = invite.sign(
      joinProofBytes({
        sandbox: link.sandbox,
        invite: invite.publicKey,
        joiner: self.publicKey,
        admitter: this.#peer.key,
        nonce: this.#nonce,
      }),
    );
    this.#onWaiting = (cast) => {
      const waiting = joinWaitingSchema.safeParse(cast.args);
      if (cast.command !== 'join.waiting' || !waiting.success) return;
      const { admitter, key, away = false } = waiting.data;
      if (key !== undefined) this.#sendSealed(link, key, name);
      onProgress?.({ state: 'waiting', admitter: cleanName(admitter), carried: key !== undefined, away });
    };
    const args = {
      sandbox: link.sandbox,
      invite: toHex(invite.publicKey),
      signature: toHex(signature),
      name: cleanName(name),
    };
    try {
      const answer = await this.#channel.call('join.prove', args, { signal, timeoutMs: DECISION_TIMEOUT_MS });
      return await this.#check(link, answer);
    } finally {
      this.close();
    }
  }

  /** Our request for somebody else to carry: sealed for the admitter, worth nothing to the carrier. */
  #sendSealed(link: ParsedLink, key: string, name: string): void {
    const box = sealJoinRequest(link, this.#context.self, parseHex(key) as Uint8Array, name);
    if (box !== undefined) this.#channel.cast({ command: 'join.sealed', args: { key, box } });
  }

  close(): void {
    this.#pipe.close(new SandboxError('CANCELLED', 'The joiner has its answer'));
  }

  async #check(link: ParsedLink, answer: unknown): Promise<JoinResult> {
    const parsed = joinGrantedSchema.safeParse(answer);
    if (!parsed.success) throw new SandboxError('BAD_ARGUMENT', 'Cannot join: the other side sent an odd answer');
    const { member, control } = parsed.data;
    // The genesis entry must hash to the link's sandbox id: the log checks that, and every signature after it.
    const log = new ControlLog(link.sandbox, this.#context.crypto);
    for (const entry of control) await log.append(entry);
    const record = log.state.memberByKey(this.#context.self.publicKey);
    if (record?.id !== member || log.state.roleNow(member) === null) {
      throw new SandboxError('BAD_CONTROL_ENTRY', `Cannot join: the control log does not know us as member ${member}`);
    }
    const { sandbox } = link;
    return { sandbox, member, control, admitterKey: this.#peer.key, addresses: this.#addresses };
  }

  #receive(chunk: Uint8Array): void {
    this.#keepalive.heard();
    try {
      this.#channel.receive(chunk);
    } catch (error) {
      this.#pipe.cut(SandboxError.from(error));
    }
  }
}

async function openConversation(
  context: JoinContext,
  peer: LinkPeer,
  addresses: readonly string[],
  signal: AbortSignal,
): Promise<JoinConversation> {
  const connection = await context.host.dial(peer.key, addresses, signal);
  let stream: Stream;
  try {
    stream = await connection.newStream(JOIN_PROTOCOL, { signal });
  } catch (cause) {
    signal.throwIfAborted();
    throw new SandboxError('PEER_UNREACHABLE', 'Cannot join: the other side takes no joiners', { cause });
  }
  const conversation = new JoinConversation(context, peer, addresses, stream);
  try {
    await conversation.begin(signal);
    return conversation;
  } catch (error) {
    conversation.close();
    throw error;
  }
}

/** Multiaddrs a link names for one peer; what is none is left out. */
export function addressesOf(peer: LinkPeer): string[] {
  return peer.addresses.map(parseAddressBytes).filter((address) => address !== undefined);
}

function timedOut(cause: unknown): SandboxError {
  return new SandboxError('PEER_UNREACHABLE', `Cannot join: nobody answered within ${REACH_TIMEOUT_MS / 1000} s`, {
    hint: 'Is sandmesh running at whoever sent the link, and are you on the same network?',
    cause,
  });
}

function pause(timers: Timers, delayMs: number, signal: AbortSignal): Promise<void> {
  if (delayMs === 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      cancel();
      reject(signal.reason);
    };
    const cancel = timers.after(delayMs, () => {
      signal.removeEventListener('abort', abort);
      resolve();
    });
    signal.addEventListener('abort', abort, { once: true });
  });
}
