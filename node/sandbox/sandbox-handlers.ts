/** Handlers that open, share, join and leave sandboxes. */

import { networkInterfaces } from 'node:os';
import type { CommandResult } from '#protocol/catalogue/catalogue.ts';
import { count } from '#shared/plural.ts';
import type { Role } from '#shared/rights.ts';
import type { JoinProgress } from '../network/join.ts';
import type { PeerNetwork } from '../network/peer-network.ts';
import type { DaemonHandler, Handler } from '../pipeline/context.ts';
import type { DaemonHandlers, SandboxHandlers } from '../pipeline/pipeline.ts';
import type { ConfigStore } from '../storage/config.ts';
import { printLink } from './invites.ts';
import type { RunningSandbox } from './running-sandbox.ts';
import type { SandboxRegistry } from './sandbox-registry.ts';
import type { TopicHub } from './topic-hub.ts';

export interface SandboxHandlerOptions {
  readonly registry: SandboxRegistry;
  readonly network: PeerNetwork;
  readonly config: ConfigStore;
  readonly hub: TopicHub;
}

type LinkResult = CommandResult<'sandbox.open'>;
type Summary = LinkResult['sandbox'];

export function summarize(sandbox: RunningSandbox): Summary {
  const { replica, record, engine } = sandbox;
  const members = [...replica.control.members.values()].filter((member) => !member.removed);
  const live = engine.targets().filter(({ state }) => state !== 'exited' && state !== 'detached');
  return {
    id: sandbox.id,
    name: record.name,
    ...(record.folder === undefined ? {} : { folder: record.folder }),
    self: replica.self,
    role: replica.control.members.get(replica.self)?.role ?? 'viewer',
    reach: sandbox.reach,
    members: members.length,
    online: sandbox.online.size + 1,
    targets: live.length,
  };
}

export function sandboxDaemonHandlers({ registry, network, config, hub }: SandboxHandlerOptions): DaemonHandlers {
  const open: DaemonHandler<'sandbox.open'> = async (args) => {
    const sandbox = await registry.openFolder(args.folder, args.private === true);
    if (args.share === true) await registry.setReach(sandbox, 'lan');
    return describeLink({ registry, network, config }, sandbox, { role: config.get('share.role'), fresh: false });
  };
  const list: DaemonHandler<'sandbox.list'> = async () => ({ sandboxes: (await registry.all()).map(summarize) });
  const join: DaemonHandler<'sandbox.join'> = async (args, context) => {
    const { sandbox, bound } = await registry.join({
      link: args.link,
      folder: args.folder,
      keepTrying: args.keepTrying === true,
      signal: context.signal,
      onProgress: (id, progress) => hub.publish(id, 'notices', { level: 'info', text: describeProgress(progress) }),
    });
    return { sandbox: summarize(sandbox), bound };
  };
  return { 'sandbox.open': open, 'sandbox.list': list, 'sandbox.join': join };
}

export function sandboxHandlers({ registry, network, config }: SandboxHandlerOptions): SandboxHandlers<RunningSandbox> {
  const share: Handler<'sandbox.share', RunningSandbox> = async (args, { sandbox }) => {
    await registry.setReach(sandbox, args.reach ?? 'lan');
    return describeLink({ registry, network, config }, sandbox, {
      role: args.role ?? config.get('share.role'),
      fresh: true,
    });
  };
  const leave: Handler<'sandbox.leave', RunningSandbox> = async (_args, { sandbox }) => {
    await registry.leave(sandbox);
    return { left: sandbox.id };
  };
  return { 'sandbox.share': share, 'sandbox.leave': leave };
}

async function describeLink(
  { registry, network, config }: Pick<SandboxHandlerOptions, 'registry' | 'network' | 'config'>,
  sandbox: RunningSandbox,
  wanted: { role: Role; fresh: boolean },
): Promise<LinkResult> {
  const addresses = sandbox.reach === 'private' ? [] : reachableAddresses(network.addresses());
  const result: LinkResult = { sandbox: summarize(sandbox), addresses };
  if (sandbox.reach === 'private') return result;
  const printed = await printLink(sandbox.replica, sandbox.record, {
    ...wanted,
    expiresMs: config.get('share.expiresMs'),
    peer: network.linkPeer(),
  });
  if (printed === undefined) return result;
  if (printed.record !== sandbox.record) registry.store(sandbox, printed.record);
  return { ...result, link: printed.link, role: printed.role, expiresAt: printed.expiresAt };
}

/** Addresses that exist on some interface now: for people to check, not for the link. */
function reachableAddresses(addresses: readonly string[]): string[] {
  const own = new Set(Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map((entry) => entry.address)));
  return addresses.filter((address) => own.has(address.split('/')[2] ?? ''));
}

function describeProgress(progress: JoinProgress): string {
  switch (progress.state) {
    case 'dialing':
      return `looking for the host at ${count(progress.addresses.length, 'address')}`;
    case 'connected':
      return 'connected to the host';
    case 'waiting':
      return `waiting for ${progress.admitter} to approve`;
    case 'retrying':
      return `${progress.error.message}; trying again in ${Math.ceil(progress.delayMs / 1000)} s`;
    default:
      return progress satisfies never;
  }
}
