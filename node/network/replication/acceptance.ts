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
import { equalBytes } from '#shared/bytes.ts';
import { chainOfClient, clientIdOf } from '#shared/documents/client-id.ts';
import { classifyDocument, type DocumentName } from '#shared/documents/document-name.ts';
import { parseRegisterWrites, type RegisterWrite } from '#shared/documents/register-table.ts';
import { checkUpdate, type TypeDepths } from '#shared/documents/update-check.ts';
import type { ReadUpdate } from '#shared/documents/update-reader.ts';
import { SandboxError } from '#shared/errors.ts';
import type { SandboxId } from '#shared/ids.ts';
import { Chain, type ChainStore } from './chain-store.ts';

/** What an accepted envelope holds, read and checked. */
export type Content =
  | {
      readonly kind: 'update';
      readonly update: ReadUpdate;
      readonly levels: readonly number[];
      readonly endClock: number;
    }
  | { readonly kind: 'registers'; readonly writes: readonly RegisterWrite[] };

export interface Accepted {
  readonly kind: 'accept';
  readonly chain: Chain;
  readonly deps: readonly { readonly chain: Chain; readonly seq: number }[];
  readonly lamport: number;
  readonly content: Content;
  readonly verdict: 'accepted' | 'neutralised';
}

/** What must turn up first; also the key under which the envelope is parked. */
export type WaitFor = `chain:${string}:${number}` | `control:${number}:${number}`;

export type Judgement =
  | Accepted
  | { readonly kind: 'duplicate' }
  /** Another envelope of the same author stands in this slot. */
  | { readonly kind: 'fork'; readonly chain: Chain }
  | { readonly kind: 'wait'; readonly for: WaitFor }
  | { readonly kind: 'refuse'; readonly why: string };

export interface AcceptanceContext {
  readonly sandbox: SandboxId;
  readonly control: ControlState;
  readonly chains: ChainStore;
  readonly crypto: Crypto;
  depths(document: DocumentName): TypeDepths;
}

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
  if (lacking !== undefined) return waitForControl(lacking.log, lacking.seq);
  const unknown = control.namesNoLog(header.control);
  if (unknown !== undefined) return refuse(`it stands under a delegate log that nobody keeps: ${unknown}`);
  // Above a fork nothing has effect: what only an entry up there allows waits until the fork is settled.
  const stopped = control.isStopped(header.control);
  const settle = (why: string): Judgement =>
    stopped ? waitForControl(OWNER_LOG, Number.MAX_SAFE_INTEGER) : refuse(why);
  const author = control.members.get(header.member);
  if (author === undefined) return settle('its author is no member');
  if (options.trusted !== true && !verifyEnvelope(envelope, author.deviceKey, context.crypto)) {
    return refuse('its signature does not verify');
  }
  const chain = chains.get(header.member, header.incarnation) ?? new Chain(header.member, header.incarnation);
  if (header.seq <= chain.seq) {
    const known = equalBytes(chain.shortHash(header.seq), envelope.hash.subarray(0, SHORT_HASH_BYTES));
    return known ? { kind: 'duplicate' } : { kind: 'fork', chain };
  }
  if (header.seq > chain.seq + 1) return { kind: 'wait', for: `chain:${chain.key}:${header.seq - 1}` };
  if (!equalBytes(header.previous, chain.hash)) return refuse('it does not follow the head of its chain');
  if (!reaches(header.control, chain.controlAt(chain.seq))) return refuse('its control position falls');
  const role = control.roleAt(header.member, header.control);
  if (role === null) return settle('its author was no member at its control position');
  if (!mayWrite(role, header.member, header.document)) {
    return settle(`a ${role} may not write "${header.document.slice(0, 80)}"`);
  }
  const resolved = resolveDeps(envelope, chain, chains);
  if ('kind' in resolved) return resolved;
  const { deps } = resolved;
  const content = readContent(envelope, chain, deps, context);
  if (typeof content === 'string') return refuse(content);
  let lamport = chain.lamportAt(chain.seq);
  for (const dep of deps) lamport = Math.max(lamport, dep.chain.lamportAt(dep.seq));
  const verdict = control.counts(header) ? 'accepted' : 'neutralised';
  return { kind: 'accept', chain, deps, lamport: lamport + 1, content, verdict };
}

function resolveDeps(
  envelope: Envelope,
  chain: Chain,
  chains: ChainStore,
): { readonly deps: Accepted['deps'] } | Judgement {
  const deps: { chain: Chain; seq: number }[] = [];
  for (const dep of envelope.header.deps) {
    if (compareChains(dep, chain) === 0) return refuse('it depends on its own chain');
    const other = chains.get(dep.member, dep.incarnation);
    if (other === undefined || dep.seq > other.seq) {
      return { kind: 'wait', for: `chain:${chainKey(dep.member, dep.incarnation)}:${dep.seq}` };
    }
    if (dep.seq <= (chain.seen.get(other) ?? 0)) return refuse('it declares again what it had seen');
    if (!equalBytes(dep.hash, other.shortHash(dep.seq)))
      return refuse('it depends on another branch of a forked chain');
    if (!reaches(envelope.header.control, other.controlAt(dep.seq))) {
      return refuse('its control position is below that of what it depends on');
    }
    deps.push({ chain: other, seq: dep.seq });
  }
  return { deps };
}

/** @returns why it is refused, when it is */
function readContent(
  envelope: Envelope,
  chain: Chain,
  deps: Accepted['deps'],
  context: AcceptanceContext,
): Content | string {
  const { header, payload } = envelope;
  const document = header.document as DocumentName;
  const cls = classifyDocument(document);
  if ((cls?.kind === 'crdt') !== (header.kind === EnvelopeKind.update)) return 'its kind does not fit its document';
  if (header.kind === EnvelopeKind.registers) {
    try {
      return { kind: 'registers', writes: parseRegisterWrites(payload) };
    } catch (error) {
      return SandboxError.from(error).message;
    }
  }
  if (header.clock !== chain.clock(document)) {
    return `its clock is ${header.clock} where its chain stands at ${chain.clock(document)}`;
  }
  const verdict = checkUpdate(payload, {
    client: clientIdOf(header.member, header.incarnation),
    clock: header.clock,
    depths: context.depths(document),
    seen: (client) => seenClock(client, document, chain, deps, context.chains),
  });
  if (!verdict.ok) return verdict.why;
  return { kind: 'update', update: verdict.update, levels: verdict.levels, endClock: verdict.endClock };
}

/** How far the author had declared to know a client's part of a document. */
function seenClock(client: number, document: string, chain: Chain, deps: Accepted['deps'], chains: ChainStore): number {
  const name = chainOfClient(client);
  const other = name === undefined ? undefined : chains.get(name.member, name.incarnation);
  if (other === undefined) return 0;
  const seq = deps.find((dep) => dep.chain === other)?.seq ?? chain.seen.get(other) ?? 0;
  return other.clockAt(document, seq);
}

function waitForControl(log: number, seq: number): Judgement {
  return { kind: 'wait', for: `control:${log}:${seq}` };
}

function refuse(why: string): Judgement {
  return { kind: 'refuse', why };
}
