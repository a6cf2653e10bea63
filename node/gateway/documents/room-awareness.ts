/**
 * Who looks at a document and where, as y-protocols' awareness has it: pages here, each for its own id only, and those
 * of other members, as their daemons say in their presence. Whose state it is is written by the daemon, not by the page.
 */

import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import { MAX_PAGE_STATE_CHARS, type PageState } from '#shared/model/member.ts';

/** Entries one message may have: a page says its own; a stock client may repeat what it heard of a few others. */
const MAX_ENTRIES = 1_000;

export interface AwarenessEntry {
  readonly client: number;
  readonly clock: number;
  /** Null: it is gone. */
  readonly state: PageState | null;
}

/** Reads untrusted bytes. @throws {SandboxError} BAD_ARGUMENT */
export function readAwareness(update: Uint8Array, client: number): AwarenessEntry | undefined {
  try {
    const decoder = decoding.createDecoder(update);
    const count = decoding.readVarUint(decoder);
    let own: AwarenessEntry | undefined;
    for (let i = 0; i < Math.min(count, MAX_ENTRIES); i++) {
      const entry = { client: decoding.readVarUint(decoder), clock: decoding.readVarUint(decoder) };
      const text = decoding.readVarString(decoder);
      // Of others it only repeats what it was told.
      if (entry.client !== client) continue;
      if (text.length > MAX_PAGE_STATE_CHARS) throw tooLarge(text.length);
      const state: unknown = JSON.parse(text);
      const isState = typeof state === 'object' && state !== null && !Array.isArray(state);
      own = { ...entry, state: isState ? (state as PageState) : null };
    }
    return own;
  } catch (cause) {
    if (cause instanceof SandboxError) throw cause;
    throw new SandboxError('BAD_ARGUMENT', `Cannot read an awareness message of ${update.length} bytes`, { cause });
  }
}

/** As y-protocols encodes it. */
export function encodeAwareness(entries: readonly AwarenessEntry[]): Uint8Array {
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, entries.length);
  for (const { client, clock, state } of entries) {
    encoding.writeVarUint(encoder, client);
    encoding.writeVarUint(encoder, clock);
    encoding.writeVarString(encoder, JSON.stringify(state));
  }
  return encoding.toUint8Array(encoder);
}

/** What is known of a member besides what its page says. */
export interface Identity {
  readonly id: MemberId;
  readonly name: string;
  readonly color: string;
}

export class RoomAwareness {
  readonly #entries = new Map<number, AwarenessEntry>();
  readonly #identify: (client: number) => Identity;
  readonly #onChange: (entries: readonly AwarenessEntry[]) => void;

  /**
   * @param identify whose an id is
   * @param onChange to be told to every page
   */
  constructor(identify: (client: number) => Identity, onChange: (entries: readonly AwarenessEntry[]) => void) {
    this.#identify = identify;
    this.#onChange = onChange;
  }

  /** Every state there is, for a page that arrives. */
  all(): AwarenessEntry[] {
    return [...this.#entries.values()].filter(({ state }) => state !== null);
  }

  /** Counted anew here: a page that comes back may say what it said before it left. */
  set(client: number, state: PageState | null): void {
    const before = this.#entries.get(client);
    if (state === null && (before === undefined || before.state === null)) return;
    const entry = { client, clock: (before?.clock ?? 0) + 1, state: state && this.#signed(client, state) };
    this.#entries.set(client, entry);
    this.#onChange([entry]);
  }

  /** Says all again, which would else be forgotten after 30 s. */
  renew(): void {
    const entries = this.all().map((entry) => ({ ...entry, clock: entry.clock + 1 }));
    for (const entry of entries) this.#entries.set(entry.client, entry);
    if (entries.length > 0) this.#onChange(entries);
  }

  /** Editors show `user.name`: it is the member's, whatever the page wrote there. */
  #signed(client: number, state: PageState): PageState {
    const member = this.#identify(client);
    const user = state['user'];
    const own = typeof user === 'object' && user !== null ? user : {};
    return { ...state, member, user: { color: member.color, ...own, name: member.name } };
  }
}

function tooLarge(chars: number): SandboxError {
  return new SandboxError('LIMIT_EXCEEDED', `Cannot share an awareness state of ${chars} characters`, {
    hint: `The limit is ${MAX_PAGE_STATE_CHARS}: keep content in the document.`,
  });
}
