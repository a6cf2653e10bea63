/** Handlers of `storage.*`: a sandbox as one file and back, and whether what is stored is whole. */

import { randomBytes } from 'node:crypto';
import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Crypto } from '#protocol/crypto.ts';
import { SandboxError } from '#shared/errors.ts';
import type { SandboxId } from '#shared/ids.ts';
import { cleanName } from '#shared/names.ts';
import type { Replica } from '../network/replication/replica-interface.ts';
import type { DaemonHandler, Handler } from '../pipeline/context.ts';
import type { DaemonHandlers, SandboxHandlers } from '../pipeline/pipeline.ts';
import { makeHomeFolder } from '../storage/make-folder.ts';
import { writeLocalRecord } from './local-record.ts';
import type { RunningSandbox } from './running-sandbox.ts';
import { type ArchiveManifest, hasKeys, readArchive, writeArchive } from './sandbox-archive.ts';
import type { SandboxFolders } from './sandbox-folder.ts';
import type { SandboxRegistry } from './sandbox-registry.ts';
import { verifySandbox } from './verify-sandbox.ts';

export interface StorageHandlerOptions {
  readonly folders: SandboxFolders;
  readonly registry: SandboxRegistry;
  /** Where all sandboxes of this home lie. */
  readonly sandboxesDir: string;
  /** Public key of this device. */
  readonly deviceKey: Uint8Array;
  readonly crypto: Crypto;
}

export interface ArchiveHandlerOptions {
  readonly folders: SandboxFolders;
  /** Puts the head of this daemon's audit log where a checkpoint keeps it. */
  readonly anchor: (replica: Replica) => Promise<void>;
}

export function storageHandlers({ folders, anchor }: ArchiveHandlerOptions): SandboxHandlers<RunningSandbox> {
  const exportTo: Handler<'storage.export', RunningSandbox> = async ({ file, keys = false }, { sandbox }) => {
    const { id, replica, record } = sandbox;
    if (keys && folders.keys(id).protection === 'keyring') {
      throw new SandboxError(
        'BAD_ARGUMENT',
        'Cannot export the keys: the control key opens with the keyring here alone',
        {
          hint: 'Put it under a passphrase first: sandmesh key protect.',
        },
      );
    }
    await replica.flush();
    const about = { sandbox: id, name: record.name, exportedAt: Date.now(), keys };
    return { file, sandbox: id, ...writeArchive(file, folders.path(id), about) };
  };
  const checkpoint: Handler<'storage.checkpoint', RunningSandbox> = async (_args, { sandbox }) => {
    const { checkpoints } = sandbox.replica;
    if (checkpoints === undefined) throw new RangeError('The sandbox has no folder to keep a checkpoint in');
    await anchor(sandbox.replica);
    const blob = await checkpoints.make();
    return { ...checkpoints.status(), made: blob !== undefined };
  };
  return { 'storage.export': exportTo, 'storage.checkpoint': checkpoint };
}

export function storageDaemonHandlers(options: StorageHandlerOptions): DaemonHandlers {
  const { folders, registry, crypto } = options;
  const verify: DaemonHandler<'storage.verify'> = async (args, { signal }) => {
    const chosen = args.sandbox === undefined ? folders.list() : [args.sandbox as SandboxId];
    const sandboxes = [];
    for (const sandbox of chosen) {
      if (!folders.list().includes(sandbox)) throw notHere(sandbox);
      await registry
        .running()
        .find(({ id }) => id === sandbox)
        ?.replica.flush();
      const folder = folders.path(sandbox);
      const {
        control: _control,
        problems,
        ...counts
      } = await verifySandbox(folder, sandbox, crypto, {
        signal,
        quick: args.quick === true,
      });
      sandboxes.push({ sandbox, folder, ...counts, problems: [...problems] });
    }
    return { sandboxes };
  };
  const importFrom: DaemonHandler<'storage.import'> = async (args, context) => {
    const folder = args.folder ?? context.folder;
    const manifest = await bringBack(options, args.file, folder, context.signal);
    const id = manifest.sandbox as SandboxId;
    try {
      await registry.openImported(id, folder);
    } catch (error) {
      // Its keys may be none: what cannot be opened is not brought back, and the file is still there.
      if (!registry.running().some((sandbox) => sandbox.id === id)) await folders.remove(id, { kept: true });
      throw error;
    }
    return { sandbox: manifest.sandbox, name: cleanName(manifest.name), keys: hasKeys(manifest) };
  };
  return { 'storage.verify': verify, 'storage.import': importFrom };
}

/** Unpacks beside the sandboxes, verifies all of it, and only then puts it in its place. */
async function bringBack(
  { folders, sandboxesDir, deviceKey, crypto }: StorageHandlerOptions,
  file: string,
  folder: string | undefined,
  signal: AbortSignal,
): Promise<ArchiveManifest> {
  const draft = join(sandboxesDir, `.draft-${randomBytes(6).toString('hex')}`);
  try {
    const place = ({ sandbox }: ArchiveManifest): string => {
      if (folders.list().includes(sandbox as SandboxId)) throw alreadyHere(sandbox);
      makeHomeFolder(draft);
      return draft;
    };
    const manifest = await readArchive(file, place, signal);
    const { control, problems } = await verifySandbox(draft, manifest.sandbox as SandboxId, crypto, { signal });
    const [first, ...more] = problems;
    if (first !== undefined) throw notWhole(file, first.problem, more.length);
    if (control.state.memberByKey(deviceKey) === undefined) throw notOurs(file);
    writeLocalRecord(draft, {
      version: 1,
      name: cleanName(manifest.name),
      ...(folder === undefined ? {} : { folder }),
      reach: 'loopback',
      invites: [],
    });
    if (folders.list().includes(manifest.sandbox as SandboxId)) throw alreadyHere(manifest.sandbox);
    renameSync(draft, folders.path(manifest.sandbox as SandboxId));
    return manifest;
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    throw error;
  }
}

function notHere(sandbox: string): SandboxError {
  return new SandboxError('SANDBOX_UNKNOWN', `Cannot verify the sandbox "${sandbox}": it is not on this machine`, {
    hint: 'List what is here with "sandmesh status".',
  });
}

function alreadyHere(sandbox: string): SandboxError {
  return new SandboxError('BAD_ARGUMENT', `Cannot import the sandbox ${sandbox.slice(0, 8)}: it is here already`, {
    hint: 'What other members have comes by itself. To replace it by the file, leave it first with "sandmesh leave".',
  });
}

function notWhole(file: string, problem: string, more: number): SandboxError {
  const others = more === 0 ? '' : `, and ${more} more`;
  return new SandboxError('BAD_EXPORT', `Cannot import "${file}": what is in it does not verify: ${problem}${others}`, {
    hint: 'Export anew where the sandbox lies, after "sandmesh verify" there.',
  });
}

function notOurs(file: string): SandboxError {
  return new SandboxError('JOIN_DENIED', `Cannot import "${file}": this device is no member of that sandbox`, {
    hint: 'An export brings a sandbox back to a device that was in it. Bring another device in by a link.',
  });
}
