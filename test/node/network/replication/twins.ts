/** Copies of a running replica's home that go on with the same chain: how an honest daemon comes to equivocate. */

import { nodeEnvironment } from '#node/network/replication/environment.ts';
import { openSandbox } from '#node/network/replication/open-replica.ts';
import { toHex } from '#shared/bytes.ts';
import type { Node } from './sandbox-fixture.ts';

export function incarnationOf({ replica }: Pick<Node, 'replica'>): number {
  return replica.clientId % 2 ** 32;
}

/** @param nodes the copy joins them, so that it is stopped with them */
export async function clone(node: Node, nodes: Node[]): Promise<Node> {
  await node.replica.flush();
  const copy = await reopen(node, incarnationOf(node));
  nodes.push(copy);
  return copy;
}

/** Opens a copy of a node's log, as the chain of some incarnation. */
export async function reopen(node: Node, incarnation: number): Promise<Node> {
  const environment = nodeEnvironment();
  const wanted = new Uint8Array(4);
  new DataView(wanted.buffer).setUint32(0, incarnation);
  let first = true;
  const file = node.file.copy();
  const { replica } = await openSandbox({
    environment: {
      ...environment,
      random(bytes) {
        if (bytes !== 4 || !first) return environment.random(bytes);
        first = false;
        return wanted;
      },
    },
    file,
    deviceSigner: node.signer,
    sandbox: node.replica.sandbox,
  });
  return { replica, signer: node.signer, file };
}

/** Every line of every chain, by hash. */
export function linesOf(node: Pick<Node, 'replica'>): string {
  return node.replica.chains
    .heads()
    .map(({ member, incarnation, seq, hash }) => `${member}/${incarnation}:${seq}:${toHex(hash)}`)
    .join(' ');
}

/** Whether all hold the same lines. */
export function agree(nodes: readonly Pick<Node, 'replica'>[]): boolean {
  const [first, ...rest] = nodes.map(linesOf);
  return rest.every((text) => text === first);
}
