/**
 * Whether an envelope is accepted. Every verdict is a function of the envelope, its causal past and the control log;
 * arrival order, quotas and the clock only ever lead to `wait`.
 */

import { OWNER_LOG, reaches } from '#protocol/control-position.ts';
import type { ControlState } from '#protocol/control-state.ts';
import { mayWrite } from '#protocol/control-state.ts';
import type { Crypto } from '#protocol/crypto.ts';
import {
  chainKey,
  compareChains,
  type Envelope,
  EnvelopeKind,
  SHORT_HASH_BYTES,
  verifyEnvelope,
} from '#protocol/envelope.ts';
import type { Head } from '#protocol/replication-messages.ts';
import { equalBytes, parseHex, toHex } from '#shared/bytes.ts';
import { classifyDocument, type DocumentName } from '#shared/documents/document-name.ts';
import { parseRegisterWrites, type RegisterWrite } from '#shared/documents/register-table.ts';
import { checkUpdate, type TypeDepths } from '#shared/documents/update-check.ts';
import type { ReadUpdate } from '#shared/documents/update-reader.ts';
import { SandboxError } from '#shared/errors.ts';
import type { SandboxId } from '#shared/ids.ts';
import type { Role } from '#shared/rights.ts';
import { Chain } from './chain.ts';
import type { ChainStore } from './chain-store.ts';
import type { Knowledge, Point } from './knowledge.ts';

/** What an accepted envelope holds, read and checked. */
export type Content =
  | {
      readonly kind: 'update';
      readonly update: ReadUpdate;
      readonly levels: readonly number[];
      readonly endClock: number;
    }
  | { readonly kind: 'registers'; readonly writes: readonly RegisterWrite[] }
  | { readonly kind: 'declaration' };

export interface Accepted {
  readonly kind: 'accept';
  /** The line it goes on; one that no store holds yet when it is the first of a chain, or of a line that branches off. */
  readonly chain: Chain;
  /** What it newly declared to have seen. */
  readonly seen: Knowledge | undefined;
  readonly lamport: number;
  readonly content: Content;
  readonly verdict: 'accepted' | 'neutralised';
  /** Device key, in hex, of an author whom only a branch of the control logs that was not chosen admits. */
  readonly disowned: string | undefined;
}

/** What must turn up first; also the key under which the envelope is parked. */
export type WaitFor = `envelope:${string}` | `control:${number}:${number}`;

export type Judgement =
  | Accepted
  | { readonly kind: 'duplicate' }
  /** `missing`: the envelope it waits for, where it is one. */
  | { readonly kind: 'wait'; readonly for: WaitFor; readonly missing?: Head }
  | {
      readonly kind: 'refuse';
      readonly why: string;
      /** It is its author who may not, whatever it says. */
      readonly isForbidden?: true;
    };

export interface AcceptanceContext {
  readonly sandbox: SandboxId;
  readonly control: ControlState;
  readonly chains: ChainStore;
  readonly crypto: Crypto;
  depths(document: DocumentName): TypeDepths;
  /** What a line had declared to have seen by some seq; undefined where that cannot be told any more. */
  knowledgeAt(line: Chain, seq: number): Knowledge | undefined;
}

/** Why an envelope is refused whose author did not sign it. */
export const FORGED = 'its signature does not verify';

/** @param options `trusted`: read back from our own log, signatures were checked before it got there */
export function judgeEnvelope(
  envelope: Envelope,
  context: AcceptanceContext,
  options: { trusted?: boolean } = {},
): Judgement {
  const { header } = envelope;
  const { control, chains } = context;
  if (header.sandbox !== context.sandbox) return refuse('it belongs to another sandbox');
  // A grant that has not arrived, or an author nobody admitted: the log will tell.
  const lacking = control.lacks(header.control);
  if (lacking?.log === OWNER_LOG) return waitForControl(lacking.log, lacking.seq);
  const unknown = control.namesNoLog(header.control);
  if (unknown !== undefined) return refuse(`it stands under a delegate log that nobody keeps: ${unknown}`);
  if (lacking !== undefined) return waitForControl(lacking.log, lacking.seq);
  // Above a fork nothing has effect: what only an entry up there allows waits until the fork is settled, and for ever if
  // that was done otherwise. Its bringer is not to blame: it may not have heard of that yet. Where another branch was the
  // longer one the entry that allows it may be one that is still to come.
  const disputed = control.isDisputed(header.control);
  const [reached = 0] = header.control;
  const settle = (why: string): Judgement =>
    disputed
      ? waitForControl(OWNER_LOG, reached > control.seq ? reached : Number.MAX_SAFE_INTEGER)
      : { kind: 'refuse', why, isForbidden: true };
  const author = whoWrote(envelope, context, options);
  if (author === 'forged') return refuse(FORGED);
  if (author === 'unknown') return settle('its author is no member');
  if (chains.find(header.member, header.incarnation, header.seq, envelope.hash) !== undefined) {
    return { kind: 'duplicate' };
  }
  const chain = placeInChain(envelope, context);
  if ('kind' in chain) return chain;
  if (!reaches(header.control, chain.controlAt(chain.seq))) return refuse('its control position falls');
  const role = control.roleAt(header.member, header.control);
  if (author === 'member' && (role === null || !mayWrite(role, header.member, header.document))) {
    const why = role === null ? 'its author was no member at its control position' : mayNot(role, header.document);
    if (!control.mightWrite(header)) return settle(why);
  }
  const past = readDeps(envelope, chain, chains);
  if ('kind' in past) return past;
  const content = readContent(envelope, chain, past.seen ?? chain.knowledge, context);
  if (typeof content === 'string') return refuse(content);
  const forked = chain.parent !== undefined || header.seq > chains.commonSeq(header.member, header.incarnation);
  const disowned = typeof author === 'string' ? undefined : author.disowned;
  const verdict = control.counts(header) && !forked && disowned === undefined ? 'accepted' : 'neutralised';
  return { kind: 'accept', chain, ...past, content, verdict, disowned };
}

/** Where branches gave one number to two devices the signature tells whose envelope it is, also one from our own log. */
function whoWrote(
  envelope: Envelope,
  { control, crypto }: AcceptanceContext,
  { trusted = false }: { trusted?: boolean },
): 'member' | 'unknown' | 'forged' | { readonly disowned: string } {
  const { member, control: position } = envelope.header;
  const author = control.members.get(member);
  const elsewhere = control.disownedKeys(member, position);
  const isSignedBy = (key: Uint8Array): boolean => verifyEnvelope(envelope, key, crypto);
  if (author !== undefined && ((trusted && elsewhere.length === 0) || isSignedBy(author.deviceKey))) return 'member';
  const disowned = elsewhere.find((key) => isSignedBy(parseHex(key) as Uint8Array));
  if (disowned !== undefined) return { disowned };
  return author === undefined ? 'unknown' : 'forged';
}

/** The name under which an envelope is waited for. */
export function awaited({ member, incarnation, seq, hash }: Head): WaitFor {
  return `envelope:${chainKey(member, incarnation)}:${seq}:${toHex(hash.subarray(0, SHORT_HASH_BYTES))}`;
}

/** The line whose head an envelope follows. Where another envelope stands in its slot, a new line branches off. */
function placeInChain({ header }: Envelope, context: AcceptanceContext): Chain | Judgement {
  const { member, incarnation, seq, previous } = header;
  const { chains } = context;
  const before = seq === 1 ? chains.get(member, incarnation) : chains.find(member, incarnation, seq - 1, previous);
  const missing = { member, incarnation, seq: seq - 1, hash: previous.slice(0, SHORT_HASH_BYTES) };
  if (before === undefined) return seq === 1 ? new Chain(member, incarnation) : waitForEnvelope(missing);
  if (seq > 1 && before.seq === seq - 1) {
    return equalBytes(before.hash, previous) ? before : refuse('it does not follow the head of its chain');
  }
  // A second envelope in one slot ends the chain there: both lines are kept, and neither has effect but for what a
  // checkpoint includes, which is final.
  const knowledge = context.knowledgeAt(before, seq - 1);
  if (knowledge === undefined) return waitForEnvelope(missing);
  return chains.branch(before, seq - 1, knowledge);
}

interface Past {
  readonly seen: Knowledge | undefined;
  readonly lamport: number;
}

function readDeps({ header }: Envelope, chain: Chain, chains: ChainStore): Past | Judgement {
  const seen = header.deps.length === 0 ? undefined : chain.knowledge.extend();
  let lamport = chain.lamportAt(header.seq - 1);
  for (const dep of header.deps) {
    if (compareChains(dep, chain) === 0) return refuse('it depends on its own chain');
    const other = chains.find(dep.member, dep.incarnation, dep.seq, dep.hash);
    if (other === undefined) return waitForEnvelope(dep);
    if (seen?.declare({ chain: other, seq: dep.seq }) !== true) return refuse('it declares again what it had seen');
    if (!reaches(header.control, other.controlAt(dep.seq))) {
      return refuse('its control position is below that of what it depends on');
    }
    lamport = Math.max(lamport, other.lamportAt(dep.seq));
  }
  return { seen, lamport: lamport + 1 };
}

/** @returns why it is refused, when it is */
function readContent(
  { header, payload }: Envelope,
  chain: Chain,
  knowledge: Knowledge,
  context: AcceptanceContext,
): Content | string {
  const document = header.document as DocumentName;
  const cls = classifyDocument(document);
  if (header.kind === EnvelopeKind.declaration) {
    if (header.deps.length === 0) return 'it declares nothing';
    return payload.length === 0 ? { kind: 'declaration' } : 'a declaration has no payload';
  }
  if ((cls?.kind === 'crdt') !== (header.kind === EnvelopeKind.update)) return 'its kind does not fit its document';
  if (header.kind === EnvelopeKind.registers) {
    try {
      return { kind: 'registers', writes: parseRegisterWrites(payload) };
    } catch (error) {
      return SandboxError.from(error).message;
    }
  }
  const clock = chain.clockAt(document, header.seq - 1);
  if (header.clock !== clock) return `its clock is ${header.clock} where its chain stands at ${clock}`;
  const own = { chain, seq: header.seq - 1 };
  const pathOf = (client: number): Point | undefined => (client === chain.client ? own : knowledge.pathOf(client));
  const verdict = checkUpdate(payload, {
    client: chain.client,
    clock,
    seen(client) {
      const path = knowledge.pathOf(client);
      return path?.chain.clockAt(document, path.seq) ?? 0;
    },
    levelOf(id) {
      const line = pathOf(id.client)?.chain;
      if (line === undefined) return 0;
      const owner = line.parent === undefined ? line : line.lineAt(line.slotOf(document, id.clock));
      return context.depths(document).levelOf({ client: owner.space, clock: id.clock });
    },
  });
  if (!verdict.ok) return verdict.why;
  return { kind: 'update', update: verdict.update, levels: verdict.levels, endClock: verdict.endClock };
}

function waitForEnvelope(missing: Head): Judgement {
  return { kind: 'wait', for: awaited(missing), missing };
}

function waitForControl(log: number, seq: number): Judgement {
  return { kind: 'wait', for: `control:${log}:${seq}` };
}

function mayNot(role: Role, document: string): string {
  return `a ${role} may not write "${document.slice(0, 80)}"`;
}

function refuse(why: string): Judgement {
  return { kind: 'refuse', why };
}
