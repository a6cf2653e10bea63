/**
 * A member with a modified client: the real replication and network, over libp2p, in the process of the test. Whoever
 * imports this takes out what it likes, and sees the links that its network makes.
 */

import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { PeerNetwork } from '#node/network/peer-network.ts';
import { nodeEnvironment } from '#node/network/replication/environment.ts';
import { openJoined, openSandbox } from '#node/network/replication/open-replica.ts';
import type { ReplicationLink } from '#node/network/replication/replica-interface.ts';
import type { SandboxReplica } from '#node/network/replication/sandbox-replica.ts';
import { NodeCrypto } from '#node/security/crypto.ts';
import { createSigningKey, type SigningKey } from '#node/security/identity.ts';
import type { ParsedLink } from '#protocol/link.ts';
import { MemoryLogFile } from '../../node/network/replication/memory-log-file.ts';

const crypto = new NodeCrypto();

export class Intruder {
  readonly name: string;
  readonly signingKey: SigningKey = createSigningKey();
  readonly #folder: string;
  #network: PeerNetwork;
  #replica: SandboxReplica | undefined;
  #file = new MemoryLogFile();
  #known: { key: Uint8Array; addresses: readonly string[] }[] = [];
  /** The latest that its network made. */
  link: ReplicationLink | undefined;

  constructor(name: string, folder: string) {
    this.name = name;
    this.#folder = folder;
    this.#network = this.#create();
  }

  get replica(): SandboxReplica {
    if (this.#replica === undefined) throw new Error(`${this.name} has not joined`);
    return this.#replica;
  }
  get network(): PeerNetwork {
    return this.#network;
  }
  get key(): Uint8Array {
    return this.signingKey.publicKey;
  }

  async join(link: ParsedLink): Promise<void> {
    const { signal } = new AbortController();
    const joined = await this.#network.joinByLink(link, { name: this.name, signal });
    const replica = await openJoined({
      environment: nodeEnvironment(),
      file: this.#file,
      deviceSigner: this.signingKey,
      entries: joined.control,
      founding: link,
    });
    this.#watch(replica);
    this.#known = [{ key: joined.admitterKey, addresses: joined.addresses }];
    await this.connect();
  }

  /** Listens, and dials whom it knows: the host, or only these others, or both. */
  async connect(others?: readonly Intruder[], { host = others === undefined } = {}): Promise<void> {
    await this.#network.start();
    const dialled = (others ?? []).map(({ key, network }) => ({ key, addresses: network.addresses() }));
    const known = host ? [...this.#known, ...dialled] : dialled;
    await this.#network.openSandbox(this.replica, {
      addressFile: path.join(this.#folder, `${randomBytes(4).toString('hex')}.json`),
      known,
      door: { approve: async () => ({ approved: false }) },
    });
  }

  /** Goes on in a new incarnation, as after any start; it must be offline. */
  async restart(): Promise<void> {
    const { sandbox } = this.replica;
    await this.replica.stop();
    this.#file = this.#file.copy();
    const { replica } = await openSandbox({
      environment: nodeEnvironment(),
      file: this.#file,
      deviceSigner: this.signingKey,
      sandbox,
    });
    this.#watch(replica);
  }

  #watch(replica: SandboxReplica): void {
    const connect = replica.connect.bind(replica);
    replica.connect = (made) => {
      this.link = made;
      connect(made);
    };
    this.#replica = replica;
  }

  /** Its network goes away; it works on alone. */
  async goOffline(): Promise<void> {
    await this.#network.stop();
    this.#network = this.#create();
  }

  /** Writes a breakpoint under an id of its own choosing. */
  async breakpoint(id: string): Promise<void> {
    await this.replica.edit('debug', (doc) => doc.getMap('breakpoints').set(id, this.record(id)));
  }

  record(id: string): Record<string, unknown> {
    const where = { kind: 'line', file: { path: 'app.js' }, line: 1 };
    return { id, author: this.replica.self, where, enabled: true, createdAt: 1 };
  }

  async end(): Promise<void> {
    await this.#network.stop();
    await this.#replica?.stop();
  }

  /** On a port of its own each time: whoever knew the last one can't reach it before it dials. */
  #create(): PeerNetwork {
    return new PeerNetwork({
      deviceKey: this.signingKey,
      portFile: path.join(this.#folder, `port-${this.name}-${randomBytes(4).toString('hex')}`),
      crypto,
      onCall: async () => ({}),
    });
  }
}
