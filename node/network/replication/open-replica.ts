/** Brings a replica to life: a new sandbox, one reopened from its log, or one just joined. */

import { type ControlSigner, parseControlEntry } from '#protocol/control-entry.ts';
import { ControlLog } from '#protocol/control-log.ts';
import type { Signer } from '#protocol/crypto.ts';
import { type Envelope, parseEnvelope } from '#protocol/envelope.ts';
import { deriveSandboxId, NONCE_BYTES, type SandboxFounding } from '#protocol/sandbox-id.ts';
import { toHex } from '#shared/bytes.ts';
import { SandboxError } from '#shared/errors.ts';
import type { SandboxId } from '#shared/ids.ts';
import { cleanName } from '#shared/names.ts';
import { AppendLog, RecordType } from '../../storage/append-log.ts';
import { BlobStore } from '../../storage/blob-store.ts';
import type { LogFile } from '../../storage/log-file.ts';
import type { StorageFolder } from '../../storage/storage-folder.ts';
import { AuthorPasts } from './chains/author-past.ts';
import { ChainStore } from './chains/chain-store.ts';
import { Forks } from './chains/forks.ts';
import { Ledger } from './chains/ledger.ts';
import { LineIds } from './chains/line-ids.ts';
import { LogReader } from './chains/log-reader.ts';
import { MemberQuota } from './chains/member-quota.ts';
import { BLOB_FOLDER } from './checkpoints/checkpoint-storage.ts';
import type { SandboxStorage } from './checkpoints/checkpoints.ts';
import { StrandedEntries } from './control/stranded-entries.ts';
import { DocumentStore } from './documents/document-store.ts';
import { newIncarnation, type ReplicaEnvironment } from './environment.ts';
import { SandboxReplica } from './sandbox-replica.ts';

export interface OpenOptions {
  readonly environment: ReplicaEnvironment;
  /** The sandbox's own log; the replica closes it when it stops. */
  readonly file: LogFile;
  /** The folder the log lies in, as {@link LOG_NAME}: checkpoints lie there too. Without it there are none. */
  readonly folder?: StorageFolder;
  /** What each member may take of the disk; the usual by default. */
  readonly quota?: MemberQuota;
  /** Signs envelopes: the daemon's identity. */
  readonly deviceSigner: Signer;
  /** Where the owner's control key lies; gives the replica its `authority`. */
  readonly controlSigner?: ControlSigner;
}

export interface OpenedReplica {
  readonly replica: SandboxReplica;
  /** Bytes of a torn tail that were cut from the log. */
  readonly cutBytes: number;
  /** Bytes that rotted in the middle and were set aside: what they held is fetched from peers again. */
  readonly damagedBytes: number;
}

/**
 * Founds a sandbox: this device becomes member 1. The genesis is durable when it resolves.
 *
 * @param options `file` empty; `recoveryHash` SHA-256 of the public recovery key
 */
export async function createSandbox(
  options: OpenOptions & {
    readonly controlSigner: ControlSigner;
    readonly recoveryHash: Uint8Array;
    readonly name: string;
    readonly deviceName: string;
  },
): Promise<SandboxReplica> {
  const { environment, file, controlSigner, deviceSigner, recoveryHash } = options;
  assertEmpty(file);
  const nonce = environment.random(NONCE_BYTES);
  const founding: SandboxFounding = { ownerKey: controlSigner.publicKey, nonce, recoveryHash };
  const control = new ControlLog(deriveSandboxId(founding, environment.crypto), environment.crypto);
  const genesis = await control.sign(
    {
      type: 'genesis',
      ownerKey: toHex(founding.ownerKey),
      nonce: toHex(nonce),
      recoveryHash: toHex(recoveryHash),
      name: cleanName(options.name),
      device: { key: toHex(deviceSigner.publicKey), name: cleanName(options.deviceName) },
    },
    controlSigner,
    environment.now(),
  );
  return await openWith({ ...options, founded: true }, control, [genesis]);
}

/**
 * Opens a sandbox this device was just admitted to. The log is durable when it resolves.
 *
 * @param options `file` empty; `entries` the control log from genesis to the grant; `founding` from the link
 * @throws {SandboxError} BAD_LINK when the log is another sandbox's, BAD_CONTROL_ENTRY, JOIN_DENIED when the log does
 * not admit this device
 */
export async function openJoined(
  options: OpenOptions & { readonly entries: readonly string[]; readonly founding: SandboxFounding },
): Promise<SandboxReplica> {
  const { environment, file, founding, entries } = options;
  assertEmpty(file);
  const control = new ControlLog(deriveSandboxId(founding, environment.crypto), environment.crypto);
  const first = entries[0];
  if (first === undefined || parseControlEntry(first).sandbox !== control.sandbox) {
    throw new SandboxError('BAD_LINK', `Cannot join: what the other side sent is not sandbox ${control.sandbox}`, {
      hint: 'Ask for the link again.',
    });
  }
  return await openWith(options, control, entries);
}

/**
 * Opens a sandbox from its log, with a new incarnation.
 *
 * @throws {SandboxError} STORAGE_CORRUPT, also when the log was emptied; JOIN_DENIED when this device was never a member of it
 */
export async function openSandbox(options: OpenOptions & { readonly sandbox: SandboxId }): Promise<OpenedReplica> {
  const { environment, file } = options;
  const control = new ControlLog(options.sandbox, environment.crypto);
  const chains = new ChainStore();
  const pending = prepareDocuments(options, control, chains);
  const { ledger, storage, quota } = pending;
  const reader = new LogReader({ control, ledger, storage, quota });
  const { log, cutBytes, damaged } = await AppendLog.open(file, environment, (record) => reader.read(record));
  const stranded = new StrandedEntries(await reader.finish());
  if (control.seq === 0) {
    await log.close();
    throw new SandboxError('STORAGE_CORRUPT', `Cannot open sandbox ${options.sandbox}: its log tells of nobody`);
  }
  const replica = pending.finish(log, stranded);
  if (damaged.length > 0) await replica.checkpoints?.setAside(damaged);
  replica.pages.recover();
  return { replica, cutBytes, damagedBytes: damaged.reduce((sum, { length }) => sum + length, 0) };
}

async function openWith(
  options: OpenOptions & { readonly founded?: boolean },
  control: ControlLog,
  entries: readonly string[],
): Promise<SandboxReplica> {
  const { environment, file } = options;
  for (const entry of entries) await control.append(entry);
  const pending = prepareDocuments(options, control, new ChainStore());
  pending.assertMember();
  const { log } = await AppendLog.open(file, environment, () => undefined);
  const encoder = new TextEncoder();
  for (const entry of entries) log.append(RecordType.control, encoder.encode(entry));
  const replica = pending.finish(log);
  await log.durable();
  return replica;
}

/** The parts that must stand before the log is read, and what makes a replica of them afterwards. */
function prepareDocuments(
  options: OpenOptions & { readonly founded?: boolean },
  control: ControlLog,
  chains: ChainStore,
) {
  const { environment, deviceSigner, controlSigner } = options;
  const { crypto } = environment;
  const incarnation = newIncarnation(environment);
  const opened: { log?: AppendLog; replica?: SandboxReplica } = {};
  const load = (position: number): Envelope => parseEnvelope((opened.log as AppendLog).readHere(position), crypto);
  const lineIds = new LineIds(chains);
  const isDisowned = ({ member, incarnation }: Envelope['header']): boolean => {
    const key = chains.get(member, incarnation)?.disowned;
    if (key === undefined) return false;
    const author = control.state.members.get(member);
    return author === undefined || toHex(author.deviceKey) !== key;
  };
  const isCut = (header: Envelope['header']): boolean => isDisowned(header) || !control.state.counts(header);
  const documents = new DocumentStore({
    clientId: () => opened.replica?.clientId ?? 0,
    load,
    counts: ({ header }) => header.seq <= chains.commonSeq(header.member, header.incarnation) && !isCut(header),
    isCut: ({ header }) => isCut(header),
    incoming: (envelope) => lineIds.incoming(envelope),
    past: (envelope) => pasts.of(envelope),
    onDoc: (name, doc) => opened.replica?.watch(name, doc),
  });
  const forks = new Forks({ chains, documents, lineIds, load });
  const ledger = new Ledger({ crypto, control, chains, documents, forks, load });
  const pasts: AuthorPasts = new AuthorPasts({
    chains,
    lineIds,
    load,
    knowledgeAt: (line, seq) => forks.knowledgeAt(line, seq),
  });
  const storage = openStorage(options);
  const quota = options.quota ?? new MemberQuota({ now: () => environment.now() });
  const self = () => {
    const member = control.state.memberByKey(deviceSigner.publicKey);
    if (member === undefined) {
      throw new SandboxError('JOIN_DENIED', `Cannot open sandbox ${control.sandbox}: this device is no member of it`);
    }
    return member.id;
  };
  return {
    assertMember: () => void self(),
    ledger,
    storage,
    quota,
    finish(log: AppendLog, stranded = new StrandedEntries()): SandboxReplica {
      const member = self();
      opened.log = log;
      ledger.open(control.state.narrowed());
      // They were judged as they were read, some before the entry that takes effect from others.
      if (control.hasSpare) ledger.rebuild();
      const parts = {
        environment,
        log,
        control,
        chains,
        documents,
        lineIds,
        forks,
        ledger,
        self: member,
        incarnation,
        deviceSigner,
        controlSigner,
        storage,
        quota,
        stranded,
        load,
        founded: options.founded === true,
      };
      opened.replica = new SandboxReplica(parts);
      return opened.replica;
    },
  };
}

function openStorage({ folder, environment }: OpenOptions): SandboxStorage | undefined {
  if (folder === undefined) return undefined;
  return { folder, blobs: new BlobStore(folder.folder(BLOB_FOLDER), environment.crypto) };
}

function assertEmpty(file: LogFile): void {
  if (file.size > 0) throw new SandboxError('HOME_UNWRITABLE', 'Cannot start a sandbox in a log that holds one');
}
