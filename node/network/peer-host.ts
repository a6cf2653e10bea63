/**
 * The libp2p node: TCP, noise and yamux, nothing else. It listens where `reach` says, on a port it remembers, dials
 * device keys, and hands over streams. Which keys may come in is asked of `gate`; what streams carry is not its
 * business. libp2p itself is loaded on the first start: most of a cold start is import time.
 */

import './promise-with-resolvers.ts';
import { privateKeyFromRaw, publicKeyFromRaw } from '@libp2p/crypto/keys';
import type { Connection, Libp2p, PeerId, Stream } from '@libp2p/interface';
import { peerIdFromPublicKey } from '@libp2p/peer-id';
import { multiaddr } from '@multiformats/multiaddr';
import type { SigningKey } from '#node/security/identity.ts';
import { readPort, rememberPort } from '#node/storage/port-file.ts';
import { concatBytes } from '#shared/bytes.ts';
import { SandboxError } from '#shared/errors.ts';
import { isLoopback, MAX_ADDRESSES, parseAddress } from './addresses.ts';
import { leanNoise } from './lean-noise.ts';

export type Reach = 'loopback' | 'lan';

/** `peerKey`: raw Ed25519 key that noise proved. */
export type StreamHandler = (stream: Stream, connection: Connection, peerKey: Uint8Array) => void;

export interface PeerHostOptions {
  readonly key: SigningKey;
  /** Remembers the port, so that links stay valid over restarts; undefined: any free port. */
  readonly portFile: string | undefined;
  /** The port to listen on, and no other; 0 or absent: the remembered one, else any. */
  readonly port?: number;
  /** Whether a connection from this key may stay; called after noise. */
  readonly gate: (peerKey: Uint8Array) => boolean;
}

/** One address after another, this far apart, until one answers: the first usually does. */
const STAGGER_MS = 150;
const DIAL_TIMEOUT_MS = 8000;
/** A connection that carries no stream at two looks in a row is closed: a stranger, or the loser of a tie. */
const SWEEP_INTERVAL_MS = 5000;
/** Bytes that may wait in one stream for a peer that does not read; then the stream is reset. */
const MAX_WRITE_BUFFER_BYTES = 64 * 1024 * 1024;
/** The default of 5 per second fails rapid dials with a misleading ECONNRESET. */
const MAX_INBOUND_PER_SECOND = 100;
const MAX_PENDING_INBOUND = 64;
const MAX_CONNECTIONS = 300;

export class PeerHost {
  readonly #options: PeerHostOptions;
  readonly #handlers = new Map<string, StreamHandler>();
  readonly #idle = new WeakSet<Connection>();
  #node: Libp2p | undefined;
  #reach: Reach = 'loopback';
  #sweep: NodeJS.Timeout | undefined;
  /** Starts, restarts and stops one after the other. */
  #turn: Promise<void> = Promise.resolve();

  constructor(options: PeerHostOptions) {
    this.#options = options;
  }

  get started(): boolean {
    return this.#node !== undefined;
  }

  get reach(): Reach {
    return this.#reach;
  }

  /** Multiaddrs it listens on, without `/p2p/`: loopback ones only when there are no others. */
  addresses(): string[] {
    const all = (this.#node?.getMultiaddrs() ?? []).map((address) => parseAddress(address.toString()));
    const known = all.filter((address) => address !== undefined);
    const outside = known.filter((address) => !isLoopback(address));
    return (outside.length > 0 ? outside : known).slice(0, MAX_ADDRESSES);
  }

  connections(): readonly Connection[] {
    return this.#node?.getConnections() ?? [];
  }

  /** Must be called before {@link start}; one handler per protocol. */
  handle(protocol: string, handler: StreamHandler): void {
    this.#handlers.set(protocol, handler);
  }

  /** Idempotent. @throws {SandboxError} CONFIG_INVALID when `port` cannot be had; INTERNAL when none can */
  start(): Promise<void> {
    return this.#queue(() => this.#start());
  }

  /** Listens elsewhere, on the same port; connections are cut and come back by themselves. */
  setReach(reach: Reach): Promise<void> {
    return this.#queue(async () => {
      if (this.#reach === reach) return;
      this.#reach = reach;
      if (this.#node === undefined) return;
      await this.#stop();
      await this.#start();
    });
  }

  /** Idempotent. Open sockets are closed; the process may linger about a second. */
  stop(): Promise<void> {
    return this.#queue(() => this.#stop());
  }

  /**
   * Connects to whoever holds `peerKey`, or gives the open connection to it.
   *
   * @param addresses multiaddrs without `/p2p/`, tried almost in parallel
   * @throws {SandboxError} PEER_UNREACHABLE after at most 8 s; `signal.reason`
   */
  async dial(peerKey: Uint8Array, addresses: readonly string[], signal: AbortSignal): Promise<Connection> {
    const node = this.#node;
    if (node === undefined) throw unreachable(addresses, 'the network is not started');
    const peerId = peerIdOf(peerKey);
    const open = node.getConnections(peerId).find((connection) => connection.status === 'open');
    if (open !== undefined) return open;
    // Not AbortSignal.timeout() inside any(): Node 20 may collect it before it fires.
    const settled = new AbortController();
    const timer = setTimeout(() => settled.abort(new Error(`no answer within ${DIAL_TIMEOUT_MS} ms`)), DIAL_TIMEOUT_MS);
    const within = AbortSignal.any([signal, settled.signal]);
    try {
      return await Promise.any(addresses.map((address, i) => dialOne(node, peerId, address, i * STAGGER_MS, within)));
    } catch (cause) {
      signal.throwIfAborted();
      throw unreachable(addresses, reasonOf(cause), cause);
    } finally {
      clearTimeout(timer);
      settled.abort();
    }
  }

  #queue(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work);
    // The caller sees the failure; whoever is next in line only waits for its end.
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #start(): Promise<void> {
    if (this.#node !== undefined) return;
    const { port: wanted = 0, portFile } = this.#options;
    const remembered = wanted === 0 && portFile !== undefined ? await readPort(portFile) : 0;
    let node: Libp2p;
    try {
      node = await this.#create(wanted === 0 ? remembered : wanted);
    } catch (error) {
      if (wanted !== 0) throw portTaken(wanted, error);
      if (remembered === 0 || !/EADDRINUSE|EACCES/.test(String(error))) throw cannotListen(error);
      node = await this.#create(0).catch((cause: unknown) => {
        throw cannotListen(cause);
      });
    }
    this.#node = node;
    this.#sweep = setInterval(() => this.#closeIdle(), SWEEP_INTERVAL_MS);
    this.#sweep.unref();
    const port = portOf(node);
    if (wanted === 0 && port !== remembered && portFile !== undefined) rememberPort(portFile, port);
  }

  async #create(port: number): Promise<Libp2p> {
    const [{ createLibp2p }, { tcp }, { noise }, { yamux }] = await Promise.all([
      import('libp2p'),
      import('@libp2p/tcp'),
      import('@chainsafe/libp2p-noise'),
      import('@libp2p/yamux'),
    ]);
    const { seed, publicKey } = this.#options.key;
    const address = this.#reach === 'lan' ? '0.0.0.0' : '127.0.0.1';
    const node = await createLibp2p({
      start: false,
      privateKey: privateKeyFromRaw(concatBytes(seed, publicKey)),
      addresses: { listen: [`/ip4/${address}/tcp/${port}`] },
      transports: [tcp()],
      connectionEncrypters: [leanNoise(noise())],
      streamMuxers: [yamux({ streamOptions: { maxWriteBufferLength: MAX_WRITE_BUFFER_BYTES } })],
      connectionGater: {
        denyInboundEncryptedConnection: (peerId) => {
          const key = rawKey(peerId);
          return key === undefined || !this.#options.gate(key);
        },
      },
      connectionManager: {
        maxConnections: MAX_CONNECTIONS,
        inboundConnectionThreshold: MAX_INBOUND_PER_SECOND,
        maxIncomingPendingConnections: MAX_PENDING_INBOUND,
        dialTimeout: DIAL_TIMEOUT_MS,
        inboundUpgradeTimeout: DIAL_TIMEOUT_MS,
        reconnectRetries: 0,
      },
      // Peer streams have their own keepalive, which knows when to give up.
      connectionMonitor: { enabled: false },
    });
    for (const [protocol, handler] of this.#handlers) {
      await node.handle(protocol, (stream, connection) => {
        const key = rawKey(connection.remotePeer);
        if (key === undefined) stream.abort(new Error('not an Ed25519 peer'));
        else handler(stream, connection, key);
      });
    }
    await node.start();
    return node;
  }

  async #stop(): Promise<void> {
    const node = this.#node;
    this.#node = undefined;
    clearInterval(this.#sweep);
    await node?.stop();
  }

  #closeIdle(): void {
    for (const connection of this.connections()) {
      if (connection.streams.length > 0) this.#idle.delete(connection);
      else if (!this.#idle.has(connection)) this.#idle.add(connection);
      else connection.abort(new Error('idle'));
    }
  }
}

async function dialOne(
  node: Libp2p,
  peerId: PeerId,
  address: string,
  delayMs: number,
  signal: AbortSignal,
): Promise<Connection> {
  await pause(delayMs, signal);
  // Without /p2p/: libp2p queues all dials of one peer behind each other. Whose key answers is compared below.
  const connection = await node.dial(multiaddr(address), { signal });
  if (connection.remotePeer.equals(peerId)) return connection;
  connection.abort(new Error('another key'));
  throw new Error(`another device answers at ${address}`);
}

function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', abort);
      resolve();
    }, delayMs);
    signal.addEventListener('abort', abort, { once: true });
  });
}

function peerIdOf(key: Uint8Array): PeerId {
  const publicKey = publicKeyFromRaw(key);
  if (publicKey.type !== 'Ed25519') throw new SandboxError('BAD_KEY', 'Cannot dial a peer without an Ed25519 key');
  return peerIdFromPublicKey(publicKey);
}

function rawKey(peerId: PeerId): Uint8Array | undefined {
  return peerId.type === 'Ed25519' ? peerId.publicKey.raw : undefined;
}

function portOf(node: Libp2p): number {
  return Number(/\/tcp\/(\d+)/.exec(node.getMultiaddrs()[0]?.toString() ?? '')?.[1] ?? 0);
}

/** @returns 0 (any free port) when there is no usable memory of one */
function reasonOf(cause: unknown): string {
  const errors = cause instanceof AggregateError ? cause.errors : [cause];
  const texts = errors.map(inPlainWords);
  return [...new Set(texts)].slice(0, 3).join('; ') || 'no address is known';
}

/** libp2p wraps what the system says in its own words, addresses included. */
function inPlainWords(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  if (text.includes('ECONNREFUSED')) return 'nobody listens there';
  if (/EHOSTUNREACH|ENETUNREACH/.test(text)) return 'no way leads there from this network';
  if (text.includes('ETIMEDOUT')) return 'no answer';
  return text;
}

/** `/ip4/10.0.0.2/tcp/4001` → `10.0.0.2:4001` */
function readable(address: string): string {
  const [, family, host = '', , port = ''] = address.split('/');
  return family === 'ip6' ? `[${host}]:${port}` : `${host}:${port}`;
}

function unreachable(addresses: readonly string[], why: string, cause?: unknown): SandboxError {
  const where = addresses.length === 0 ? 'the peer' : addresses.map(readable).join(', ');
  return new SandboxError('PEER_UNREACHABLE', `Cannot reach ${where}: ${why}`, {
    hint: 'Is the other side running, and on the same network? Over a network it must have been shared.',
    ...(cause === undefined ? {} : { cause }),
  });
}

function portTaken(port: number, cause: unknown): SandboxError {
  const reason = /EADDRINUSE/.test(String(cause)) ? 'another program has it' : reasonOf(cause);
  return new SandboxError('CONFIG_INVALID', `Cannot listen for peers on network.port ${port}: ${reason}`, {
    hint: 'Choose another, or 0 for any: sandmesh config set network.port 0',
    cause,
  });
}

function cannotListen(cause: unknown): SandboxError {
  return new SandboxError('INTERNAL', 'Cannot listen for peers on any port', {
    hint: 'Is the loopback interface up? "sandmesh doctor" checks it; --private works without a network.',
    cause,
  });
}
