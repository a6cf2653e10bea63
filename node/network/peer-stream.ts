/**
 * One stream to one peer about one sandbox: says hello, carries a `Channel`, watches that the peer is alive, and gives
 * replication its `ReplicationLink`. Whether the session is wanted (`PeerSlot`) and who the peer is (`SandboxPeers`)
 * is decided outside.
 */

import type { Connection, Stream } from '@libp2p/interface';
import { Channel } from '#protocol/channel.ts';
import type { CallMessage, CastMessage, ControlMessage } from '#protocol/messages.ts';
import type { Broadcast } from '#protocol/topics.ts';
import { Emitter } from '#shared/emitter.ts';
import { SandboxError } from '#shared/errors.ts';
import type { SandboxId } from '#shared/ids.ts';
import { Keepalive } from './keepalive.ts';
import type { ReplicationLink } from './replication/replica-interface.ts';
import { StreamPipe } from './stream-pipe.ts';
import type { Timers } from './timers.ts';

export const PEER_PROTOCOL = '/sandmesh/peer/1';
const PROTOCOL_VERSION = 1;
const AGENT = 'sandmesh';
/** A peer this far behind misses broadcasts (they show it by their sequence); sync and calls still wait for it. */
const MAX_BROADCAST_BACKLOG_BYTES = 4 * 1024 * 1024;
/** Sync messages kept for a replica that has not attached yet; one tick's worth. */
const MAX_EARLY_SYNC = 64;

export interface Hello {
  readonly sandbox: SandboxId;
  /** Where the sender listens: multiaddrs, unchecked. */
  readonly addresses: readonly string[];
}

export type KnownPeers = Extract<ControlMessage, { command: 'peers' }>['params']['peers'];

/** What an adopted session hands on. */
export interface PeerStreamHandlers {
  onCall(call: CallMessage, signal: AbortSignal): Promise<unknown>;
  onCast(cast: CastMessage): void;
  onBroadcast(broadcast: Broadcast): void;
  onPeers(peers: KnownPeers): void;
}

export interface PeerStreamOptions {
  readonly stream: Stream;
  readonly connection: Connection;
  /** Raw device key proven by noise. */
  readonly peerKey: Uint8Array;
  readonly openedBySelf: boolean;
  readonly timers: Timers;
}

export class PeerStream {
  readonly peerKey: Uint8Array;
  readonly openedBySelf: boolean;
  readonly connection: Connection;
  readonly events = new Emitter<{ hello: Hello; heard: undefined; close: SandboxError }>();
  readonly channel: Channel;
  /** The control logs are level and the peer is a member: set by `SandboxPeers`, read before a call is served. */
  level = false;
  /** When the peer last sent anything, by `timers`. */
  heardAt: number;
  readonly #timers: Timers;
  readonly #pipe: StreamPipe;
  readonly #keepalive: Keepalive;
  readonly #syncListeners: ((message: Uint8Array) => void)[] = [];
  readonly #drainListeners: (() => void)[] = [];
  readonly #closeListeners: (() => void)[] = [];
  readonly #early: Uint8Array[] = [];
  #handlers: PeerStreamHandlers | undefined;
  #greeted = false;
  #farewell: SandboxError | undefined;
  #closed: SandboxError | undefined;

  constructor({ stream, connection, peerKey, openedBySelf, timers }: PeerStreamOptions) {
    this.peerKey = peerKey;
    this.openedBySelf = openedBySelf;
    this.connection = connection;
    this.#timers = timers;
    this.heardAt = timers.now();
    this.#pipe = new StreamPipe(stream, {
      onBytes: (chunk) => this.#receive(chunk),
      onDrain: () => {
        for (const listener of this.#drainListeners) listener();
      },
      onClose: (reason) => this.#end(this.#farewell ?? reason),
    });
    this.channel = new Channel({
      send: (bytes) => this.#pipe.send(bytes),
      onCall: (call, signal) => this.#adopted().onCall(call, signal),
      onCast: (cast) => this.#adopted().onCast(cast),
      onBroadcast: (broadcast) => this.#adopted().onBroadcast(broadcast),
      onSync: (payload) => this.#sync(payload),
      onControl: (control) => this.#control(control),
    });
    this.#keepalive = new Keepalive({ timers, ping: () => this.ping(), onDead: () => this.#dead() });
    this.#keepalive.start();
  }

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  hello(hello: Hello): void {
    const params = {
      agent: AGENT,
      protocol: PROTOCOL_VERSION,
      sandbox: hello.sandbox,
      addresses: [...hello.addresses],
    };
    this.channel.control({ command: 'hello', params });
  }

  ping(): void {
    this.channel.control({ command: 'ping', params: { nonce: 0 } });
  }

  /** From here on calls, casts and broadcasts are served. */
  adopt(handlers: PeerStreamHandlers): void {
    this.#handlers = handlers;
  }

  /** @returns false when the peer is so far behind that the event was dropped */
  broadcast(broadcast: Broadcast): boolean {
    if (this.#pipe.buffered > MAX_BROADCAST_BACKLOG_BYTES) return false;
    this.channel.broadcast(broadcast);
    return true;
  }

  /** @returns false when the peer is so far behind that it was dropped */
  cast(cast: CastMessage): boolean {
    if (this.#pipe.buffered > MAX_BROADCAST_BACKLOG_BYTES) return false;
    this.channel.cast(cast);
    return true;
  }

  /** The pipe that replication feeds; valid until the session closes. */
  link(): ReplicationLink {
    return {
      peerKey: this.peerKey,
      send: (message) => {
        this.channel.sync(message);
        return !this.#pipe.congested;
      },
      onMessage: (listener) => {
        this.#syncListeners.push(listener);
        // Not before the replica has set itself up: it is still in the middle of it.
        queueMicrotask(() => this.#flushEarly());
      },
      onDrain: (listener) => void this.#drainListeners.push(listener),
      onClose: (listener) => void this.#closeListeners.push(listener),
      // What was sent before, a removed member's last control entries, still goes out.
      close: (reason) => this.#pipe.close(ended(reason)),
    };
  }

  /** Says farewell and ends the stream when it has left. */
  close(reason: string): void {
    if (this.closed) return;
    this.channel.control({ command: 'bye', params: { reason: reason.slice(0, 300) } });
    this.#pipe.close(ended(reason));
  }

  /** Ends the stream at once. */
  cut(reason: string): void {
    this.#pipe.cut(ended(reason));
  }

  #dead(): void {
    this.cut('no sign of life');
    // Everything on this connection is as dead, and the next dial must not be handed it.
    this.connection.abort(new Error('no sign of life'));
  }

  #adopted(): PeerStreamHandlers {
    if (this.#handlers === undefined) throw new SandboxError('BAD_FRAME', 'It spoke out of turn');
    return this.#handlers;
  }

  #receive(chunk: Uint8Array): void {
    this.#keepalive.heard();
    this.heardAt = this.#timers.now();
    try {
      this.channel.receive(chunk);
    } catch (error) {
      this.cut(`it sent what cannot be read: ${SandboxError.from(error).message}`);
      return;
    }
    this.events.emit('heard', undefined);
  }

  #sync(payload: Uint8Array): void {
    if (this.#syncListeners.length > 0 && this.#early.length === 0) return this.#deliver(payload);
    if (!this.#greeted || this.#early.length >= MAX_EARLY_SYNC)
      throw new SandboxError('BAD_FRAME', 'It spoke out of turn');
    this.#early.push(payload);
  }

  #flushEarly(): void {
    for (const payload of this.#early.splice(0)) this.#deliver(payload);
  }

  #deliver(payload: Uint8Array): void {
    for (const listener of this.#syncListeners) listener(payload);
  }

  #control(control: ControlMessage): void {
    if (control.command === 'hello') return this.#greet(control.params);
    // A session that waits for a tie to be settled is pinged like any other.
    if (control.command === 'ping' || control.command === 'pong') return;
    if (!this.#greeted && control.command !== 'bye') this.#adopted();
    if (control.command === 'bye') this.#farewell = ended(`the peer said "${control.params.reason}"`);
    if (control.command === 'peers') this.#handlers?.onPeers(control.params.peers);
  }

  #greet(params: Extract<ControlMessage, { command: 'hello' }>['params']): void {
    if (this.#greeted || params.sandbox === undefined)
      throw new SandboxError('BAD_FRAME', 'The peer sent an odd hello');
    if (params.protocol !== PROTOCOL_VERSION) {
      throw new SandboxError('VERSION_UNSUPPORTED', `The peer speaks protocol ${params.protocol}`);
    }
    this.#greeted = true;
    this.events.emit('hello', { sandbox: params.sandbox, addresses: params.addresses ?? [] });
  }

  #end(reason: SandboxError): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    this.level = false;
    this.#keepalive.stop();
    this.channel.close(reason);
    for (const listener of this.#closeListeners) listener();
    this.events.emit('close', reason);
  }
}

function ended(reason: string): SandboxError {
  return new SandboxError('PEER_UNREACHABLE', `The connection to the peer ended: ${reason}`);
}
