/**
 * What the rest of the daemon sees of replication: one `Replica` per sandbox. It holds the documents, signs what is
 * written here, checks what arrives, stores both, and feeds every connected peer. It knows no socket and no clock of
 * its own: links, disk, keys and time are handed in, so that a simulator can run the real thing.
 */

import type * as Y from 'yjs';
import type { Frontier } from '#protocol/control-entry.ts';
import type { ControlPosition } from '#protocol/envelope.ts';
import type { SandboxFounding } from '#protocol/sandbox-id.ts';
import type { DocumentName } from '#shared/documents/document-name.ts';
import type { Emitter } from '#shared/emitter.ts';
import type { SandboxError } from '#shared/errors.ts';
import type { MemberId, SandboxId } from '#shared/ids.ts';
import type { Verdict } from '#shared/model/policy.ts';
import type { Role } from '#shared/rights.ts';

/** Names one envelope: a chain is one member's incarnation (one daemon start), `seq` counts from 1 along it. */
export interface EnvelopeRef {
  readonly member: MemberId;
  readonly incarnation: number;
  readonly seq: number;
}

/** One envelope took effect. Local edits appear here too, once written to the file. */
export interface Change {
  readonly document: DocumentName;
  /** Verified by signature and chain. */
  readonly author: MemberId;
  readonly envelope: EnvelopeRef;
  /** `neutralised`: cut by a removal, applied without effect so that what depends on it stays whole. */
  readonly verdict: 'accepted' | 'neutralised';
  readonly local: boolean;
  /** Keys written, for registers; absent for Y.Docs (observe the doc). */
  readonly keys?: readonly string[];
}

export interface MemberRecord {
  readonly id: MemberId;
  readonly name: string;
  readonly role: Role;
  /** Raw Ed25519 public key, 32 bytes: the device key, also the libp2p key. */
  readonly deviceKey: Uint8Array;
  readonly removed: boolean;
}

export interface InviteRecord {
  /** Raw Ed25519 public key in lower-case hex; also its name in commands. */
  readonly publicKey: string;
  readonly role: Role;
  readonly uses: number;
  readonly used: number;
  readonly expiresAt: number;
  readonly approval: boolean;
  readonly revoked: boolean;
  /** Control log whose keeper admits under it: 0 the owner's, else a delegate's member number. */
  readonly admitter: number;
  /** Addresses and ranges it is good from; empty: any. */
  readonly addresses: readonly string[];
}

/** A member who may admit and remove on its own: inside a range of numbers, up to a role. */
export interface DelegateRecord {
  readonly member: MemberId;
  /** Raw Ed25519 key of its control log, lower-case hex. */
  readonly key: string;
  readonly from: MemberId;
  readonly to: MemberId;
  readonly role: Role;
  /** Taken back. */
  readonly ended: boolean;
}

/** A control log stopped after `seq`: its keeper signed two entries for the next slot. */
export interface ForkRecord {
  /** 0 the owner's, else a delegate's member number. */
  readonly log: number;
  readonly seq: number;
  readonly branches: readonly string[];
}

/** Level → action or right → verdict, as `#shared/model/policy.ts` has them; opaque to replication. */
export type PolicyRecord = Readonly<Record<string, Readonly<Record<string, Verdict>>>>;

/** The folded control logs. */
export interface ControlView {
  readonly name: string;
  readonly ownerKey: Uint8Array;
  /** What the sandbox id is the hash of: a link carries it, and a joiner checks the genesis against it. */
  readonly founding: SandboxFounding;
  /** Head of the owner's log. */
  readonly seq: number;
  readonly members: ReadonlyMap<MemberId, MemberRecord>;
  readonly invites: ReadonlyMap<string, InviteRecord>;
  readonly delegates: ReadonlyMap<MemberId, DelegateRecord>;
  readonly forks: readonly ForkRecord[];
  /** The latest `policy` entry's; absent before the first. */
  readonly policy?: PolicyRecord | undefined;
  memberByKey(deviceKey: Uint8Array): MemberRecord | undefined;
}

/**
 * Present where a control key lies that has a say: the owner's, or a delegate's. Every call appends a signed entry and
 * resolves when durable. A delegate gets FORBIDDEN for what only the owner may, and for what is outside its range.
 */
export interface ControlAuthority {
  /** The log it writes: 0 the owner's, else this member's own number. */
  readonly log: number;
  /** Before a person is told that something is decided. @throws {SandboxError} KEY_LOCKED */
  assertUnlocked(): void;
  /** @param options `admitter`: who admits under it, a log; the writer itself by default */
  createInvite(options: {
    publicKey: Uint8Array;
    role: Role;
    uses: number;
    expiresAt: number;
    approval: boolean;
    admitter?: number;
    addresses?: readonly string[];
  }): Promise<InviteRecord>;
  /** Admits a device under an invite; the caller has checked the proof. @throws INVITE_USED | INVITE_EXPIRED | INVITE_REVOKED */
  grant(options: { invite: string; deviceKey: Uint8Array; name: string; role: Role }): Promise<MemberRecord>;
  setRole(member: MemberId, role: Role): Promise<void>;
  /** Removes a member; a delegate's log is ended with it, as far as it is known here. */
  revoke(member: MemberId): Promise<void>;
  revokeInvite(publicKey: string): Promise<void>;
  /** Owner only. @param options `key`: public key of the control log it will keep; `role`: the highest it may give */
  delegate(options: { member: MemberId; key: Uint8Array; role: Role }): Promise<DelegateRecord>;
  /** Owner only: takes a delegation back; the member stays, and whom it admitted so far. */
  endDelegation(member: MemberId): Promise<void>;
  /** Gives the sandbox another name; absent at a delegate. */
  rename?(name: string): Promise<void>;
  /** Replaces the sandbox's policy whole; absent at a delegate. */
  setPolicy?(policy: PolicyRecord): Promise<void>;
  /**
   * @param blob content hash, lower-case hex; @param heads of every chain that it holds
   * @param position the control logs by which its content was judged
   * @returns false when they have moved on meanwhile: nothing is signed then
   */
  checkpoint(blob: string, heads: Frontier, position: ControlPosition): Promise<boolean>;
}

/** A byte-message pipe to one authenticated peer. Messages keep their boundaries and order. */
export interface ReplicationLink {
  /** Raw Ed25519 key proven by noise. Whether it is a member is the replica's to find out. */
  readonly peerKey: Uint8Array;
  /** Queues a message; false asks the sender to wait for `onDrain` before sending bulk. */
  send(message: Uint8Array): boolean;
  onMessage(listener: (message: Uint8Array) => void): void;
  onDrain(listener: () => void): void;
  onClose(listener: () => void): void;
  /** Drops the peer; the reason is logged, not sent. */
  close(reason: string): void;
}

export type CheckpointEvent =
  /** `same`: compared with what is here; `adopted`: taken on the owner's word; `differs`: not used. */
  | { readonly blob: string; readonly outcome: 'same' | 'adopted' | 'differs'; readonly documents: readonly string[] }
  | { readonly outcome: 'failed'; readonly error: SandboxError };

export interface ReplicaEvents {
  change: Change;
  /** A checkpoint took the place of envelopes, was found to differ from what is here, or could not be used. */
  checkpoint: CheckpointEvent;
  /** The document was rebuilt (a cut, an equivocation): drop what was derived from it and read it anew. */
  reset: { readonly document: DocumentName };
  control: ControlView;
  /** An entry was signed although no other member could be reached first: a restored backup would fork its log. */
  unlevelled: { readonly seq: number };
  /** A connected link turned out to be this member, control logs are level; documents flow from now on. */
  peer: { readonly member: MemberId; readonly connected: boolean };
  /** The sandbox is closed, or was left: nothing is written any more. The last event. */
  stopped: object;
}

/** Blobs that members give each other because a register names them. */
export interface SharedBlobsView {
  /** Stores one made here, durable when it resolves. @returns its name */
  put(bytes: Uint8Array): Promise<string>;
  /** @returns undefined where it is not here */
  read(name: string): Uint8Array | undefined;
  /**
   * Has it from whichever connected member has it.
   *
   * @throws {SandboxError} PEER_UNREACHABLE when none of them has it or nobody is here, TIMEOUT, RESULT_TOO_LARGE
   */
  fetch(name: string): Promise<void>;
  /** Removes all but these. */
  keep(names: ReadonlySet<string>): void;
}

export interface Replica {
  /** Absent where the sandbox has no folder to keep them in. */
  readonly sharedBlobs?: SharedBlobsView | undefined;
  readonly sandbox: SandboxId;
  readonly self: MemberId;
  /** `member · 2^32 + incarnation`: the Yjs clientID of local edits. */
  readonly clientId: number;
  readonly control: ControlView;
  readonly authority: ControlAuthority | undefined;
  readonly events: Emitter<ReplicaEvents>;

  /** The live doc, for reading and observing. Write only through {@link edit}. */
  document(name: DocumentName): Y.Doc;
  /**
   * Runs one local transaction and signs what it produced; the edits of one tick in one document travel together.
   *
   * @returns when the envelope is durable (fdatasync)
   * @throws {SandboxError} FORBIDDEN before anything changed, when this member's role may not write the document
   */
  edit(name: DocumentName, change: (doc: Y.Doc) => void): Promise<void>;

  /** Registers of `host/<self>` or `notes/<self>`; null deletes. Values are JSON. Resolves when durable. */
  writeRegister(kind: 'host' | 'notes', key: string, value: unknown): Promise<void>;
  /** Latest values another member (or this one) wrote; a live view. */
  registers(kind: 'host' | 'notes', member: MemberId): ReadonlyMap<string, unknown>;

  /** The control logs as compact JWS texts, genesis first: what an admitted joiner is handed to open the sandbox with. */
  controlEntries(): readonly string[];
  /** Heads of every accepted chain. */
  heads(): readonly EnvelopeRef[];
  connect(link: ReplicationLink): void;
  /** Members with a live, level link. */
  connected(): readonly MemberId[];
  /** Resolves when everything accepted so far is durable. */
  flush(): Promise<void>;
  stop(): Promise<void>;
}
