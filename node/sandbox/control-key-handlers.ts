/** Handlers about the sandbox's control key: what protects it, and its replacement by the recovery key. */

import { type ControlEntry, controlSignerFromSeed } from '#protocol/control-entry.ts';
import type { ControlHead } from '#protocol/control-log.ts';
import { equalBytes, toHex } from '#shared/bytes.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import type { Handler } from '../pipeline/context.ts';
import type { SandboxHandlers } from '../pipeline/pipeline.ts';
import { NodeCrypto } from '../security/crypto.ts';
import type { SigningKey } from '../security/identity.ts';
import { entriesText } from './control-entry-text.ts';
import type { RunningSandbox } from './running-sandbox.ts';
import type { SandboxFolders } from './sandbox-folder.ts';

export function controlKeyHandlers(folders: SandboxFolders): SandboxHandlers<RunningSandbox> {
  const protect: Handler<'key.protect', RunningSandbox> = async ({ passphrase, next, keyring }, { sandbox }) => {
    const keys = folders.keys(sandbox.id);
    if (next !== undefined && keyring === true) {
      throw new SandboxError('BAD_ARGUMENT', 'Cannot keep the control key under a passphrase and in the keyring');
    }
    await keys.protect(
      passphrase,
      keyring === true ? { keyring } : next === undefined ? undefined : { passphrase: next },
    );
    return { protected: keys.protection !== 'none', by: keys.protection };
  };
  const unlock: Handler<'key.unlock', RunningSandbox> = async ({ passphrase }, { sandbox }) => {
    await folders.keys(sandbox.id).unlock(passphrase);
    return { unlocked: true };
  };
  const recover: Handler<'sandbox.recover', RunningSandbox> = async (args, { sandbox }) => {
    const { replica } = sandbox;
    const keys = folders.keys(sandbox.id);
    const recovery = await keys.recovery(args.file);
    assertRecoveryKey(replica.controlLog.state.recoveryHash, recovery);
    const after = chooseBranch(sandbox, args.branch);
    const next = await keys.next();
    const signer = await controlSignerFromSeed(recovery.seed, recovery.publicKey);
    const body = {
      type: 'rotate' as const,
      recoveryKey: toHex(recovery.publicKey),
      ownerKey: toHex(next.owner.publicKey),
      nextRecoveryHash: toHex(new NodeCrypto().sha256(next.recovery.publicKey)),
    };
    await replica.rotate(body, signer, after);
    const owner = await keys.finishRotation(replica.control.ownerKey);
    if (owner !== undefined) replica.adoptOwnerKey(owner);
    if (replica.control.members.get(replica.self)?.role !== 'owner') {
      await replica.authority?.setRole(replica.self, 'owner');
    }
    return { seq: replica.control.seq, recoveryFile: keys.recoveryFile };
  };
  return { 'key.protect': protect, 'key.unlock': unlock, 'sandbox.recover': recover };
}

function assertRecoveryKey(recoveryHash: string, key: SigningKey): void {
  const own = new NodeCrypto().sha256(key.publicKey);
  if (equalBytes(own, new Uint8Array(Buffer.from(recoveryHash, 'hex')))) return;
  throw new SandboxError('BAD_KEY', 'Cannot recover the sandbox: this is not its recovery key', {
    hint: 'Every recovery makes a new one: take the latest.',
  });
}

/**
 * The entry that the rotation follows.
 *
 * @returns undefined for the head of a log that has not forked
 * @throws {SandboxError} CONTROL_FORKED naming the branches to choose from; BAD_ARGUMENT
 */
function chooseBranch({ replica }: RunningSandbox, wanted: string | undefined): ControlHead | undefined {
  const { controlLog } = replica;
  const fork = controlLog.state.forks.find(({ log }) => log === 0);
  if (fork === undefined) {
    if (wanted === undefined || wanted === 'none') return undefined;
    throw new SandboxError('BAD_ARGUMENT', `Cannot choose branch "${wanted}": the log has not forked`);
  }
  if (wanted === 'none') return undefined;
  const tips = fork.branches.map((branch) => ({ branch, tip: controlLog.tipBeyond(branch) ?? controlLog.head }));
  const matching = tips.filter(({ branch }) => wanted !== undefined && branch.startsWith(wanted));
  const [only] = matching;
  if (only !== undefined && matching.length === 1) return only.tip;
  const nameOf = (member: MemberId): string => replica.control.members.get(member)?.name ?? `member ${member}`;
  const list = tips.map(({ branch, tip }) => {
    const entries = controlLog.entriesBetween(branch, tip.hash);
    return `${branch.slice(0, 8)} (to entry ${tip.seq}, ${timeOf(entries)}: ${entriesText(entries, nameOf)})`;
  });
  throw new SandboxError('CONTROL_FORKED', `Cannot tell which branch goes on after entry ${fork.seq}`, {
    hint: `Say --branch with one of: ${list.join('; ')}; or none, to drop them all.`,
  });
}

/** When its signer says that the latest was signed. */
function timeOf(entries: readonly ControlEntry[]): string {
  return new Date(entries.at(-1)?.at ?? 0).toISOString().slice(0, 19).replace('T', ' ');
}
