/** What is written here on its way out: drafts are signed, written to the log, entered, then sent. */

import type { ControlPosition, Envelope } from '#protocol/envelope.ts';
import type { DocumentName } from '#shared/documents/document-name.ts';
import { SandboxError } from '#shared/errors.ts';
import { type AppendLog, RecordType } from '../../../storage/append-log.ts';
import type { Accepted, Judgement } from '../chains/acceptance.ts';
import type { Chain } from '../chains/chain.ts';
import type { Entering, Ledger } from '../chains/ledger.ts';
import type { OwnChain } from '../chains/own-chain.ts';
import { describeChange } from '../peers/intake.ts';
import type { Change } from '../replica-interface.ts';
import type { Draft } from './local-edits.ts';

export interface LocalCommitsParts {
  readonly log: AppendLog;
  readonly ledger: Ledger;
  /** Of the control logs, now. */
  position(): ControlPosition;
  /** They are in the log file: to be sent to every peer. */
  onSealed(envelopes: readonly Uint8Array[], chain: Chain): void;
  onChange(change: Change): void;
}

export interface CommitOptions {
  /** `local`: the drafts were read from the live documents; `received`: those are still to be told. */
  readonly how: Extract<Entering, 'local' | 'received'>;
  /** Called before each draft is sealed. */
  readonly before?: (draft: Draft) => void;
}

export class LocalCommits {
  readonly #parts: LocalCommitsParts;

  constructor(parts: LocalCommitsParts) {
    this.#parts = parts;
  }

  /**
   * @returns when they are durable
   * @throws {SandboxError} FORBIDDEN for one that this member may not write, BAD_ARGUMENT for one that nobody would accept
   * of anybody, STORAGE_CORRUPT for one that stands on what a damaged log lost; those before it are committed
   */
  commit(own: OwnChain, drafts: readonly Draft[], { how, before }: CommitOptions): Promise<void> {
    const { log, onSealed, onChange } = this.#parts;
    const sent: Uint8Array[] = [];
    const changes: Change[] = [];
    try {
      for (const draft of drafts) {
        before?.(draft);
        for (let last = false; !last; ) {
          const sealed = own.seal(draft, this.#parts.position());
          const [accepted, keys] = this.#enter(own, draft, sealed, how);
          sent.push(sealed.bytes);
          changes.push(describeChange(sealed.envelope, accepted, keys, true));
          last = sealed.last;
        }
      }
    } finally {
      log.write();
      if (sent.length > 0) onSealed(sent, own.chain);
      for (const change of changes) onChange(change);
    }
    return log.durable();
  }

  #enter(
    own: OwnChain,
    draft: Draft,
    { bytes, envelope }: { readonly bytes: Uint8Array; readonly envelope: Envelope },
    how: CommitOptions['how'],
  ): [accepted: Accepted, keys: readonly string[] | undefined] {
    const { log, ledger } = this.#parts;
    const judgement = ledger.judge(envelope, { trusted: true });
    if (judgement.kind === 'wait') throw incomplete(draft.document);
    if (judgement.kind !== 'accept') throw unshareable(draft.document, judgement);
    // Before it counts here: one that is refused for want of room is to be nowhere.
    const position = log.appendNow(RecordType.envelope, bytes);
    const accepted = { ...judgement, chain: own.chain };
    const keys = ledger.enter(envelope, accepted, position, how);
    own.sealed();
    return [accepted, keys];
  }
}

function unshareable(document: DocumentName, judgement: Exclude<Judgement, { kind: 'accept' | 'wait' }>): SandboxError {
  const [why, isForbidden] =
    judgement.kind === 'refuse' ? [judgement.why, judgement.isForbidden] : ['it exists already'];
  const text = `Cannot share this edit of "${document}": ${why}`;
  if (isForbidden) return new SandboxError('FORBIDDEN', text, { hint: 'Ask an owner for a role that may.' });
  return new SandboxError('BAD_ARGUMENT', text, {
    hint: 'Documents hold plain JSON values, texts, maps and arrays.',
  });
}

/** Whatever an own chain stands on was here when it was written. */
function incomplete(document: DocumentName): SandboxError {
  const text = `Cannot share this edit of "${document}": this disk lost what it stands on`;
  return new SandboxError('STORAGE_CORRUPT', text, {
    hint: 'Other members still have it: try again once one of them is connected.',
  });
}
