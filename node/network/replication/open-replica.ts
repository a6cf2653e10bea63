/** Brings a replica to life: a new sandbox, one reopened from its log, or one just joined. */

import { type ControlSigner, parseControlEntry } from '#protocol/control-entry.ts';
import { ControlLog } from '#protocol/control-log.ts';
import type { Signer } from '#protocol/crypto.ts';
import { type Envelope, parseEnvelope } from '#protocol/envelope.ts';
import { deriveSandboxId, NONCE_BYTES, type SandboxFounding } from '#protocol/sandbox-id.ts';
import { equalBytes, toHex } from '#shared/bytes.ts';
import { SandboxError } from '#shared/errors.ts';
import type { SandboxId } from '#shared/ids.ts';
import { cleanName } from '#shared/names.ts';
import { AppendLog, RecordType } from '../../storage/append-log.ts';
import type { LogFile } from '../../storage/log-file.ts';
import { ChainStore } from './chain-store.ts';
import { DocumentStore } from './document-store.ts';
import { newIncarnation, type ReplicaEnvironment } from './environment.ts';
import { Ledger } from './ledger.ts';
import { SandboxReplica } from './sandbox-replica.ts';

export interface OpenOptions {
  readonly environment: ReplicaEnvironment;
  /** The sandbox's own log; the replica closes it when it stops. */
  readonly file: LogFile;
  /** Signs envelopes: the daemon's identity. */
  readonly deviceSigner: Signer;
  /** Where the owner's control key lies; gives the replica its `authority`. */
  readonly controlSigner?: ControlSigner;
}

export interface OpenedReplica {
  readonly replica: SandboxReplica;
  /** Bytes of a torn tail that were cut from the log. */
  readonly cutBytes: number;
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
 * @throws {SandboxError} STORAGE_CORRUPT, or MEMBER_UNKNOWN when this device was never a member of it
 */
export async function openSandbox(options: OpenOptions & { readonly sandbox: SandboxId }): Promise<OpenedReplica> {
  const { environment, file } = options;
  const control = new ControlLog(options.sandbox, environment.crypto);
  const chains = new ChainStore();
  const pending = prepareDocuments(options, control, chains);
  const text = new TextDecoder();
  const { log, cutBytes } = await AppendLog.open(file, environment, ({ type, position, body }) => {
    switch (type) {
      case RecordType.control:
        return control.append(text.decode(body), { trusted: true }).then(() => undefined);
      case RecordType.envelope:
        return pending.index(body, position);
      default:
        throw new SandboxError('STORAGE_CORRUPT', `Cannot read record of type ${type} at byte ${position} of the log`);
    }
  });
  return { replica: pending.finish(log), cutBytes };
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
  const load = (position: number): Envelope => parseEnvelope((opened.log as AppendLog).read(position), crypto);
  const documents = new DocumentStore({
    clientId: () => opened.replica?.clientId ?? 0,
    load,
    counts: (envelope) => control.state.counts(envelope.header),
    onDoc: (name, doc) => opened.replica?.watch(name, doc),
  });
  const ledger = new Ledger({ crypto, control, chains, documents, load });
  const self = () => {
    const member = control.state.memberByKey(deviceSigner.publicKey);
    if (member === undefined) {
      throw new SandboxError('JOIN_DENIED', `Cannot open sandbox ${control.sandbox}: this device is no member of it`);
    }
    return member.id;
  };
  return {
    assertMember: () => void self(),
    index(body: Uint8Array, position: number): void {
      ledger.reopen(ledger.parse(body), position);
    },
    finish(log: AppendLog): SandboxReplica {
      const member = self();
      opened.log = log;
      // After rot a control entry may lie behind envelopes written under it: only the whole log tells what stands.
      if (ledger.hasAside) ledger.rebuild();
      // Envelopes were judged as they were read: entries that stand behind them may have narrowed rights since.
      documents.recount(control.state.narrowed());
      const parts = {
        environment,
        log,
        control,
        chains,
        documents,
        ledger,
        self: member,
        incarnation,
        deviceSigner,
        controlSigner,
        founded: options.founded === true,
      };
      opened.replica = new SandboxReplica(parts);
      return opened.replica;
    },
  };
}

function assertEmpty(file: LogFile): void {
  if (file.size > 0) throw new SandboxError('HOME_UNWRITABLE', 'Cannot start a sandbox in a log that holds one');
}
