/** Daemons' networks for tests: real libp2p nodes on 127.0.0.1, real replicas on logs in memory. */

import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JoinOptions } from '#node/network/join.ts';
import type { JoinDecision, JoinRequest } from '#node/network/join-desk.ts';
import { PeerNetwork } from '#node/network/peer-network.ts';
import { nodeEnvironment } from '#node/network/replication/environment.ts';
import { createSandbox, openJoined } from '#node/network/replication/open-replica.ts';
import type { InviteRecord } from '#node/network/replication/replica-interface.ts';
import type { SandboxReplica } from '#node/network/replication/sandbox-replica.ts';
import { NodeCrypto } from '#node/security/crypto.ts';
import { createSigningKey, type SigningKey } from '#node/security/identity.ts';
import { controlSignerFromSeed } from '#protocol/control-entry.ts';
import { encodeLink, type ParsedLink, parseLink } from '#protocol/link.ts';
import type { CallMessage } from '#protocol/messages.ts';
import type { MemberId, SandboxId } from '#shared/ids.ts';
import type { Role } from '#shared/rights.ts';
import { until } from '../../until.ts';
import { MemoryLogFile } from './replication/memory-log-file.ts';

export { until } from '../../until.ts';

export const nodeCrypto = new NodeCrypto();

type OnCall = (sandbox: SandboxId, member: MemberId, call: CallMessage, signal: AbortSignal) => Promise<unknown>;

export interface Daemon {
  readonly name: string;
  readonly key: SigningKey;
  readonly folder: string;
  network: PeerNetwork;
  replica: SandboxReplica | undefined;
  onCall: OnCall;
  /** Answers the owner's prompt; a yes to everything unless a test says otherwise. */
  approve: (request: JoinRequest, signal: AbortSignal) => Promise<JoinDecision>;
  /** Closes the network and brings up another one in the same home, as a restarted daemon would. */
  restart(): Promise<void>;
}

export interface World {
  /** A daemon that owns a sandbox, listening on loopback. */
  owner(name?: string): Promise<Daemon & { replica: SandboxReplica }>;
  /** A daemon without a sandbox. */
  daemon(name: string): Promise<Daemon>;
  invite(owner: Daemon, options?: InviteOptions): Promise<{ link: ParsedLink; text: string; record: InviteRecord }>;
  /** Joins and opens the sandbox. */
  join(guest: Daemon, link: ParsedLink, options?: Partial<JoinOptions>): Promise<MemberId>;
}

export interface InviteOptions {
  readonly role?: Role;
  readonly uses?: number;
  readonly expiresAt?: number;
  readonly approval?: boolean;
  /** A delegate who decides about it. */
  readonly admitter?: MemberId;
  readonly addresses?: readonly string[];
  /** Daemons the link names; the one who makes it by default. */
  readonly via?: readonly Daemon[];
}

export async function withWorld(use: (world: World) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sandmesh-network-'));
  const daemons: Daemon[] = [];
  const world: World = {
    async daemon(name) {
      const daemon = openDaemon(name, join(folder, `${daemons.length}`));
      daemons.push(daemon);
      return daemon;
    },
    async owner(name = 'ada') {
      const daemon = await world.daemon(name);
      const control = createSigningKey();
      const replica = await createSandbox({
        environment: nodeEnvironment(),
        file: new MemoryLogFile(),
        deviceSigner: daemon.key,
        controlSigner: await controlSignerFromSeed(control.seed, control.publicKey),
        recoveryHash: new Uint8Array(randomBytes(32)),
        name: 'shop',
        deviceName: name,
      });
      daemon.replica = replica;
      await daemon.network.start();
      await open(daemon);
      return Object.assign(daemon, { replica });
    },
    async invite(owner, options = {}) {
      const { replica } = owner;
      if (replica?.authority === undefined) throw new Error('only the owner and delegates invite');
      const invite = createSigningKey();
      const record = await replica.authority.createInvite({
        publicKey: invite.publicKey,
        role: options.role ?? 'debugger',
        uses: options.uses ?? 1,
        expiresAt: options.expiresAt ?? Date.now() + 3600_000,
        approval: options.approval ?? false,
        addresses: options.addresses ?? [],
        ...(options.admitter === undefined ? {} : { admitter: options.admitter }),
      });
      const { founding } = replica.control;
      const peers = (options.via ?? [owner]).map(({ network }) => network.linkPeer());
      const text = encodeLink({ ...founding, inviteSeed: invite.seed, peers });
      return { text, link: parseLink(text, nodeCrypto), record };
    },
    async join(guest, link, options = {}) {
      const joined = await guest.network.joinByLink(link, { name: guest.name, signal: never(), ...options });
      guest.replica = await openJoined({
        environment: nodeEnvironment(),
        file: new MemoryLogFile(),
        deviceSigner: guest.key,
        entries: joined.control,
        founding: link,
      });
      await open(guest, [{ key: joined.admitterKey, addresses: joined.addresses }]);
      return joined.member;
    },
  };
  try {
    await use(world);
  } finally {
    for (const daemon of daemons) {
      await daemon.network.stop();
      await daemon.replica?.stop();
    }
    await rm(folder, { recursive: true, force: true });
  }
}

function openDaemon(name: string, folder: string): Daemon {
  const key = createSigningKey();
  const make = (): PeerNetwork =>
    new PeerNetwork({
      deviceKey: key,
      portFile: join(folder, 'port'),
      crypto: nodeCrypto,
      onCall: (...call) => daemon.onCall(...call),
    });
  const daemon: Daemon = {
    name,
    key,
    folder,
    network: make(),
    replica: undefined,
    onCall: async (_sandbox, member, call) => ({ echo: call.args, from: member }),
    approve: async (request) => ({ approved: true, role: request.invite.role }),
    async restart() {
      await daemon.network.stop();
      daemon.network = make();
      await daemon.network.start();
      await open(daemon);
    },
  };
  return daemon;
}

async function open(daemon: Daemon, known: { key: Uint8Array; addresses: readonly string[] }[] = []): Promise<void> {
  if (daemon.replica === undefined) return;
  await daemon.network.openSandbox(daemon.replica, {
    addressFile: join(daemon.folder, 'addresses.json'),
    known,
    door: { approve: (request, signal) => daemon.approve(request, signal) },
  });
}

/** Makes a member a delegate, with a control key of its own. */
export async function makeDelegate(owner: Daemon, member: Daemon, role: Role = 'editor'): Promise<void> {
  const key = createSigningKey();
  const { replica } = member;
  if (replica === undefined) throw new Error('a delegate is a member');
  replica.adoptDelegateKey(await controlSignerFromSeed(key.seed, key.publicKey));
  await owner.replica?.authority?.delegate({ member: replica.self, key: key.publicKey, role });
  await until(() => replica.authority !== undefined, `${member.name} hears that it is a delegate`);
}

export function never(): AbortSignal {
  return new AbortController().signal;
}

/** Both daemons see each other as level members. */
export async function meet(a: Daemon, b: Daemon): Promise<void> {
  await until(() => sees(a, b) && sees(b, a), `${a.name} and ${b.name} meet`);
}

export function sees(a: Daemon, b: Daemon): boolean {
  const { replica } = a;
  if (replica === undefined) return false;
  const member = replica.control.memberByKey(b.key.publicKey)?.id;
  return member !== undefined && a.network.connected(replica.sandbox).includes(member);
}

/** The code of the SandboxError that `work` fails with. */
export async function failureOf(work: Promise<unknown>): Promise<{ code: string; message: string; hint?: string }> {
  try {
    await work;
  } catch (error) {
    return error as { code: string; message: string; hint?: string };
  }
  throw new Error('it did not fail');
}

/** On loopback, where it listens now. */
export function portOf(daemon: Daemon): number {
  return Number(/tcp\/(\d+)/.exec(daemon.network.addresses()[0] ?? '')?.[1]);
}
