/** Handlers that open, share, join and leave sandboxes. */

import { networkInterfaces } from 'node:os';
import type { CommandResult } from '#protocol/catalogue/catalogue.ts';
import { SandboxError } from '#shared/errors.ts';
import { count } from '#shared/plural.ts';
import { ROLES, type Role } from '#shared/rights.ts';
import type { JoinProgress } from '../network/join.ts';
import type { PeerNetwork } from '../network/peer-network.ts';
import type { InviteRecord, Replica } from '../network/replication/replica-interface.ts';
import type { DaemonHandler, Handler } from '../pipeline/context.ts';
import type { DaemonHandlers, SandboxHandlers } from '../pipeline/pipeline.ts';
import type { ConfigStore } from '../storage/config.ts';
import { controlWarnings } from './control-notices.ts';
import { type LinkOptions, type PrintedLink, printLink } from './invites.ts';
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
  const warnings = controlWarnings(replica);
  const live = engine.targets().filter(({ state }) => state !== 'exited' && state !== 'detached');
  return {
    id: sandbox.id,
    name: replica.control.name === '' ? record.name : replica.control.name,
    ...(record.folder === undefined ? {} : { folder: record.folder }),
    self: replica.self,
    role: replica.control.members.get(replica.self)?.role ?? 'viewer',
    reach: sandbox.reach,
    members: members.length,
    online: sandbox.online.size + 1,
    targets: live.length,
    ...(warnings.length === 0 ? {} : { warnings }),
  };
}

export function sandboxDaemonHandlers({ registry, network, config, hub }: SandboxHandlerOptions): DaemonHandlers {
  const open: DaemonHandler<'sandbox.open'> = async (args) => {
    const isPrivate = args.private === true;
    const sandbox = await (args.sandbox === undefined
      ? registry.openFolder(args.folder, isPrivate)
      : registry.openKnown(args.sandbox, isPrivate));
    if (args.share === true) await registry.setReach(sandbox, 'lan');
    return linkResult({ registry, network, config }, sandbox, { role: config.get('share.role'), fresh: false });
  };
  const list: DaemonHandler<'sandbox.list'> = async () => {
    const { opened, unopened } = await registry.all();
    return { sandboxes: opened.map(summarize), ...(unopened.length === 0 ? {} : { unopened: [...unopened] }) };
  };
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
    return linkResult({ registry, network, config }, sandbox, {
      role: args.role ?? config.get('share.role'),
      fresh: true,
    });
  };
  const get: Handler<'sandbox.get', RunningSandbox> = async (_args, { sandbox }) => summarize(sandbox);
  const update: Handler<'sandbox.update', RunningSandbox> = async ({ name, reach }, { sandbox }) => {
    if (name !== undefined) await renameSandbox(sandbox, name);
    if (reach !== undefined) await registry.setReach(sandbox, reach);
    return summarize(sandbox);
  };
  return { 'sandbox.share': share, 'sandbox.get': get, 'sandbox.update': update };
}

async function renameSandbox({ replica }: RunningSandbox, name: string): Promise<void> {
  if (replica.authority?.rename === undefined) {
    throw new SandboxError('FORBIDDEN', `Cannot name the sandbox "${name}": only its owner can, where its key lies`);
  }
  await replica.authority.rename(name);
}

async function linkResult(parts: LinkParts, sandbox: RunningSandbox, wanted: WantedLink): Promise<LinkResult> {
  const { invite: _invite, ...result } = await describeLink(parts, sandbox, wanted);
  return result;
}

export interface LinkParts {
  readonly registry: SandboxRegistry;
  readonly network: PeerNetwork;
  readonly config: ConfigStore;
}

/** What a new link is to be like; what is left out is decided as for `share`. */
export type WantedLink = { readonly role: Role; readonly fresh: boolean } & Partial<Omit<LinkOptions, 'peers'>>;

/**
 * Describes a sandbox with its link, where one can be made.
 *
 * @param wanted `fresh` false: as good as it goes, without a link where the control key cannot sign just now
 */
export async function describeLink(
  { registry, network, config }: LinkParts,
  sandbox: RunningSandbox,
  wanted: WantedLink,
): Promise<LinkResult & { invite: InviteRecord | undefined }> {
  const { replica } = sandbox;
  const addresses = sandbox.reach === 'private' ? [] : reachableAddresses(network.addresses());
  const result = { sandbox: summarize(sandbox), addresses, invite: undefined };
  if (sandbox.reach === 'private') return result;
  const admitter = wanted.admitter === undefined ? undefined : replica.control.members.get(wanted.admitter)?.deviceKey;
  let printed: PrintedLink | undefined;
  try {
    printed = await printLink(replica, sandbox.record, {
      expiresMs: config.get('share.expiresMs'),
      ...wanted,
      role: wanted.fresh ? wanted.role : withinCap(replica, wanted.role),
      peers: network.linkPeers(sandbox.id, admitter),
    });
  } catch (error) {
    // The program runs all the same; "sandmesh share" says what is wrong with the key.
    if (!wanted.fresh && error instanceof SandboxError && CANNOT_SIGN.has(error.code)) return result;
    throw error;
  }
  if (printed === undefined) return result;
  if (printed.record !== sandbox.record) registry.store(sandbox, printed.record);
  const { link, role, expiresAt, invite } = printed;
  return { ...result, link, role, expiresAt, invite };
}

const CANNOT_SIGN = new Set(['KEY_LOCKED', 'CONTROL_FORKED']);

/** A delegate's links give no more than it may give. */
function withinCap({ authority, control, self }: Replica, role: Role): Role {
  const cap = authority === undefined || authority.log === 0 ? undefined : control.delegates.get(self)?.role;
  return cap !== undefined && ROLES.indexOf(role) > ROLES.indexOf(cap) ? cap : role;
}

/** Addresses that exist on some interface now: for people to check, not for the link. */
function reachableAddresses(addresses: readonly string[]): string[] {
  const own = new Set(Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map((entry) => entry.address)));
  return addresses.filter((address) => own.has(address.split('/')[2] ?? ''));
}

function describeProgress(progress: JoinProgress): string {
  switch (progress.state) {
    case 'dialing':
      return `trying ${count(progress.addresses.length, 'address')}`;
    case 'connected':
      return 'connected to the host';
    case 'waiting':
      return waitingText(progress);
    case 'retrying':
      return `${progress.error.message}; trying again in ${Math.ceil(progress.delayMs / 1000)} s`;
    default:
      return progress satisfies never;
  }
}

function waitingText({ admitter, carried, away }: Extract<JoinProgress, { state: 'waiting' }>): string {
  if (!carried) return `waiting for ${admitter} to approve`;
  const where = away ? `, who is away: your request is carried to them when they are back` : '';
  return `waiting for ${admitter} to decide${where}`;
}
