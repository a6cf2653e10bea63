/** Handlers about who may come in and with which rights. All of them sign with a control key that lies on this machine. */

import type { CommandResult } from '#protocol/catalogue/catalogue.ts';
import { toHex } from '#shared/bytes.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import { type Role, roleNeedsApproval } from '#shared/rights.ts';
import { assertAddressList } from '../network/address-list.ts';
import type { PeerNetwork } from '../network/peer-network.ts';
import type { ControlAuthority, MemberRecord } from '../network/replication/replica-interface.ts';
import type { Handler } from '../pipeline/context.ts';
import type { SandboxHandlers } from '../pipeline/pipeline.ts';
import type { ConfigStore } from '../storage/config.ts';
import { findInvite, viewInvite } from './invites.ts';
import type { RunningSandbox } from './running-sandbox.ts';
import type { SandboxFolders } from './sandbox-folder.ts';
import { describeLink, type LinkParts } from './sandbox-handlers.ts';

export interface AccessHandlerOptions extends LinkParts {
  readonly folders: SandboxFolders;
  readonly network: PeerNetwork;
  readonly config: ConfigStore;
}

export function accessHandlers(options: AccessHandlerOptions): SandboxHandlers<RunningSandbox> {
  return { ...inviteHandlers(options), ...memberAccessHandlers(options) };
}

function inviteHandlers(options: AccessHandlerOptions): SandboxHandlers<RunningSandbox> {
  const { config } = options;
  const create: Handler<'invite.create', RunningSandbox> = async (args, { sandbox }) => {
    authorityOf(sandbox, 'invite anybody');
    assertAddressList(args.addresses ?? []);
    const role = args.role ?? (config.get('share.role') as Role);
    const { invite, ...result } = await describeLink(options, sandbox, {
      role,
      fresh: true,
      uses: args.uses ?? 1,
      expiresMs: args.expiresMs ?? config.get('share.expiresMs'),
      approval: args.approval ?? roleNeedsApproval(role),
      addresses: args.addresses ?? [],
      admitter: args.admitter,
    });
    if (invite !== undefined) return { ...result, invite: viewInvite(invite) };
    throw new SandboxError('BAD_ARGUMENT', 'Cannot invite: this sandbox is private, nobody can reach it', {
      hint: 'Open it with "sandmesh share".',
    });
  };
  const list: Handler<'invite.list', RunningSandbox> = async (_args, { sandbox }) => ({
    invites: [...sandbox.replica.control.invites.values()].map(viewInvite),
  });
  const revoke: Handler<'invite.revoke', RunningSandbox> = async (args, { sandbox }) => {
    const invite = findInvite(sandbox.replica, args.invite);
    await authorityOf(sandbox, 'close an invite').revokeInvite(invite.publicKey);
    return { invite: viewInvite(findInvite(sandbox.replica, invite.publicKey)) };
  };
  return { 'invite.create': create, 'invite.list': list, 'invite.revoke': revoke };
}

function memberAccessHandlers({ folders, network }: AccessHandlerOptions): SandboxHandlers<RunningSandbox> {
  const revoke: Handler<'member.revoke', RunningSandbox> = async ({ member }, { sandbox }) => {
    const { name } = memberOf(sandbox, member);
    if (member === sandbox.replica.self) throw notYourself('remove');
    await authorityOf(sandbox, 'remove a member').revoke(member);
    return { member, name };
  };
  const role: Handler<'member.role', RunningSandbox> = async (args, { sandbox }) => {
    const { name } = memberOf(sandbox, args.member);
    if (args.member === sandbox.replica.self) throw notYourself('change the role of');
    await authorityOf(sandbox, 'change a role').setRole(args.member, args.role);
    return { member: args.member, name, role: args.role };
  };
  const delegate: Handler<'member.delegate', RunningSandbox> = async (args, { sandbox, signal }) => {
    const { member } = args;
    const { name, role: own } = memberOf(sandbox, member);
    const authority = authorityOf(sandbox, 'make a delegate');
    if (args.end === true) {
      await authority.endDelegation(member);
      return { member, name };
    }
    if (member === sandbox.replica.self) throw notYourself('delegate to');
    const key = await askKey(network, sandbox, member, name, signal);
    // Whom it admits gets no more than it has itself, unless said otherwise.
    const cap = args.role ?? (own === 'owner' ? 'editor' : own);
    const record = await authority.delegate({ member, key, role: cap });
    return { member, name, role: record.role };
  };
  const key: Handler<'member.key', RunningSandbox> = async (_args, { sandbox, caller }) => {
    // Made when somebody who could delegate asks for it, and told to nobody else.
    if (caller.local) throw new SandboxError('BAD_ARGUMENT', 'Cannot tell a delegate key: only the owner asks for it');
    const signer = await folders.keys(sandbox.id).delegate();
    sandbox.replica.adoptDelegateKey(signer);
    return { key: toHex(signer.publicKey) };
  };
  const sessions: Handler<'session.list', RunningSandbox> = async (_args, { sandbox }) => ({
    sessions: network.sessions(sandbox.id),
  });
  return {
    'member.revoke': revoke,
    'member.role': role,
    'member.delegate': delegate,
    'member.key': key,
    'session.list': sessions,
  };
}

async function askKey(
  network: PeerNetwork,
  sandbox: RunningSandbox,
  member: MemberId,
  name: string,
  signal: AbortSignal,
): Promise<Uint8Array> {
  try {
    const answer = (await network.call(
      sandbox.id,
      member,
      'member.key',
      {},
      { signal },
    )) as CommandResult<'member.key'>;
    return new Uint8Array(Buffer.from(answer.key, 'hex'));
  } catch (thrown) {
    const error = SandboxError.from(thrown);
    if (error.code !== 'PEER_UNREACHABLE') throw error;
    throw new SandboxError('PEER_UNREACHABLE', `Cannot delegate to ${name}: that machine has to make its key first`, {
      hint: 'Try again when that member is here (see "sandmesh members").',
      cause: error,
    });
  }
}

/** @throws {SandboxError} FORBIDDEN where no control key lies that counts */
export function authorityOf({ replica }: RunningSandbox, what: string): ControlAuthority {
  if (replica.authority !== undefined) return replica.authority;
  if (replica.control.members.get(replica.self)?.role === 'owner') {
    throw new SandboxError('FORBIDDEN', `Cannot ${what} here: the control key of this sandbox does not lie here`, {
      hint: 'It is where the sandbox was founded, or in an export with --keys; "sandmesh recover" replaces it.',
    });
  }
  const delegates = [...replica.control.delegates.values()].filter(({ ended }) => !ended);
  const names = delegates.map(({ member }) => replica.control.members.get(member)?.name ?? `member ${member}`);
  const who = names.length === 0 ? 'its owner' : `its owner, or a delegate (${names.join(', ')})`;
  throw new SandboxError('FORBIDDEN', `Cannot ${what} here: you do not decide about this sandbox`, {
    hint: `Ask ${who}.`,
  });
}

function memberOf({ replica }: RunningSandbox, member: MemberId): MemberRecord {
  const record = replica.control.members.get(member);
  if (record !== undefined && !record.removed) return record;
  throw new SandboxError('MEMBER_UNKNOWN', `Cannot find member ${member} in this sandbox`, {
    hint: 'List them with "sandmesh members".',
  });
}

function notYourself(what: string): SandboxError {
  return new SandboxError('BAD_ARGUMENT', `Cannot ${what} yourself`, {
    hint: 'To get out of a sandbox: "sandmesh leave".',
  });
}
