/** A sandbox with several in-memory replicas, and what tests need to connect and compare them. */

import { randomBytes } from 'node:crypto';
import type * as Y from 'yjs';
import { nodeEnvironment } from '#node/network/replication/environment.ts';
import { createSandbox, openJoined } from '#node/network/replication/open-replica.ts';
import type { SandboxReplica } from '#node/network/replication/sandbox-replica.ts';
import { signerFromSeed } from '#node/security/crypto.ts';
import { type ControlSigner, controlSignerFromSeed } from '#protocol/control-entry.ts';
import type { Signer } from '#protocol/crypto.ts';
import type { DocumentName } from '#shared/documents/document-name.ts';
import type { Role } from '#shared/rights.ts';
import { type LinkPair, linkPair, type Wire } from './link-pair.ts';
import { MemoryLogFile } from './memory-log-file.ts';

export { until } from '../../../until.ts';

export interface Node {
  readonly replica: SandboxReplica;
  readonly signer: Signer;
  readonly file: MemoryLogFile;
}

/** Whoever can be linked to another. */
export type Member = Pick<Node, 'replica' | 'signer'>;

export interface Fixture {
  readonly owner: Node;
  readonly controlSigner: ControlSigner;
  /** The key that can replace the owner's. */
  readonly recoverySigner: ControlSigner;
  readonly nodes: Node[];
  /** Admits one more device and opens its replica, not connected to anybody. */
  join(role: Role): Promise<Node>;
  /** Opens the replica of a device that was admitted, with the control log of `host`. */
  openAs(joiner: Signer, host: Node): Promise<Node>;
}

/** Founds a sandbox, runs `body`, and stops every replica. */
export async function withSandbox(body: (fixture: Fixture) => Promise<void>): Promise<void> {
  const environment = nodeEnvironment();
  const seed = new Uint8Array(randomBytes(32));
  const controlSigner = await controlSignerFromSeed(seed, signerFromSeed(seed).publicKey);
  const recoverySeed = new Uint8Array(randomBytes(32));
  const recoverySigner = await controlSignerFromSeed(recoverySeed, signerFromSeed(recoverySeed).publicKey);
  const signer = newSigner();
  const file = new MemoryLogFile();
  const replica = await createSandbox({
    environment,
    file,
    deviceSigner: signer,
    controlSigner,
    recoveryHash: environment.crypto.sha256(recoverySigner.publicKey),
    name: 'shop',
    deviceName: 'ada',
  });
  const owner = { replica, signer, file };
  const nodes: Node[] = [owner];
  const fixture: Fixture = {
    owner,
    controlSigner,
    recoverySigner,
    nodes,
    async join(role) {
      const joiner = newSigner();
      await admit(replica, joiner.publicKey, role);
      return await fixture.openAs(joiner, owner);
    },
    async openAs(joiner, host) {
      const joinerFile = new MemoryLogFile();
      const joined = await openJoined({
        environment,
        file: joinerFile,
        deviceSigner: joiner,
        entries: host.replica.controlEntries(),
        founding: replica.control.founding,
      });
      const node = { replica: joined, signer: joiner, file: joinerFile };
      nodes.push(node);
      return node;
    },
  };
  try {
    await body(fixture);
  } finally {
    for (const node of nodes) await node.replica.stop();
  }
}

export function newSigner(): Signer {
  return signerFromSeed(new Uint8Array(randomBytes(32)));
}

export async function admit(owner: SandboxReplica, deviceKey: Uint8Array, role: Role): Promise<void> {
  const invite = newSigner().publicKey;
  if (owner.authority === undefined) throw new Error('this replica is not the owner');
  const record = await owner.authority.createInvite({
    publicKey: invite,
    role,
    uses: 1,
    expiresAt: Date.now() + 60_000,
    approval: false,
  });
  await owner.authority.grant({ invite: record.publicKey, deviceKey, name: 'guest', role });
}

export function link(a: Member, b: Member, options: { wire?: Wire } = {}): LinkPair {
  const pair = linkPair(a.signer.publicKey, b.signer.publicKey, options);
  a.replica.connect(pair.left);
  b.replica.connect(pair.right);
  return pair;
}

export function headsText(node: Pick<Member, 'replica'>): string {
  return JSON.stringify(node.replica.heads());
}

export function level(nodes: readonly Pick<Member, 'replica'>[]): boolean {
  const [first, ...rest] = nodes.map(headsText);
  return rest.every((text) => text === first);
}

/** The document's content as text, equal for equal documents. */
export function contentOf(node: Pick<Member, 'replica'>, name: DocumentName): string {
  const doc = node.replica.document(name);
  const share = [...doc.share.keys()].sort().map((key) => [key, rootJson(doc, key)]);
  return JSON.stringify(share);
}

function rootJson(doc: Y.Doc, key: string): unknown {
  if (key === 'text') return doc.getText(key).toString();
  return sortKeys(doc.getMap(key).toJSON());
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sortKeys(inner)]),
  );
}
