/** One page's WebSocket: reads y-websocket's messages, and says no with a reason. */

import * as decoding from 'lib0/decoding';
import { type RawData, WebSocket } from 'ws';
import {
  CLOSE_CODES,
  MESSAGE_AWARENESS,
  MESSAGE_QUERY_AWARENESS,
  MESSAGE_RENEW,
  MESSAGE_SYNC,
  SYNC_STEP_1,
  SYNC_STEP_2,
  SYNC_UPDATE,
} from '#protocol/api/document-messages.ts';
import type { PageMessage } from '#shared/documents/page-update.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import type { PageState } from '#shared/model/member.ts';
import { MemberRates } from '../../sandbox/member-rates.ts';
import type { AccessTokens, Grant } from '../../security/access-tokens.ts';
import { deniedMessage, durableMessage } from './page-messages.ts';
import type { Room, RoomPage } from './room.ts';
import { type AwarenessEntry, readAwareness } from './room-awareness.ts';

/** Beyond it a page that reads too slowly is sent away: it comes back and gets the difference. */
const MAX_UNREAD_BYTES = 64 * 1024 * 1024;
/** A page that goes on writing what is refused is told so now and then. */
const EXPLAIN_EVERY_MS = 2_000;
const SETTLE_MS = 500;
/** A close frame holds 123 bytes. */
const MAX_REASON_CHARS = 100;
const UNSUPPORTED_DATA = 1003;
const GOING_AWAY = 1001;
const TRY_AGAIN = 1013;
const FAULT = 1011;

export interface PageConnectionOptions {
  readonly socket: WebSocket;
  readonly room: Room;
  readonly incarnation: number;
  readonly client: number;
  readonly member: MemberId;
  readonly grant: Grant;
  readonly tokens: AccessTokens;
  /** Why its token does not let it write; undefined: it does. */
  readonly mayWrite: (grant: Grant) => SandboxError | undefined;
  /** It wants to be told what is durable. */
  readonly tellsDurable: boolean;
  /** Where the page is, at most as often as a member may say. */
  readonly onState: (client: number, state: PageState | null) => void;
  readonly onError: (error: unknown) => void;
}

export class PageConnection implements RoomPage {
  readonly incarnation: number;
  readonly client: number;
  readonly #options: PageConnectionOptions;
  readonly #rates = new MemberRates();
  #grant: Grant;
  #queue: PageMessage[] = [];
  /** Updates that came on this connection. */
  #updates = 0;
  /** It was asked for all it has, and has not answered. */
  #asked = true;
  /** What it asked for is on its way; what it asked for last since then. */
  #answering = false;
  #askedMeanwhile: Uint8Array | undefined;
  #tellsStates = false;
  /** What it wrote stands on something that is not here yet. */
  #waits = false;
  /** What it wrote was not taken for want of a right. */
  #denied = false;
  #explainedAt = Number.NEGATIVE_INFINITY;
  #settling: { latest: PageState | null; readonly timer: NodeJS.Timeout } | undefined;

  constructor(options: PageConnectionOptions) {
    this.#options = options;
    this.incarnation = options.incarnation;
    this.client = options.client;
    this.#grant = options.grant;
  }

  receive(data: RawData, isBinary: boolean): void {
    // What follows in the same packet as what it was sent away for.
    if (this.#options.socket.readyState !== WebSocket.OPEN) return;
    if (!isBinary) return this.#close(UNSUPPORTED_DATA, 'messages are binary');
    if (this.checkGrant()) this.#attempt(() => this.#read(new Uint8Array(data as Buffer)));
  }

  #attempt(work: () => void): void {
    try {
      work();
    } catch (thrown) {
      this.#fail(thrown instanceof SandboxError ? thrown : unreadable(thrown));
    }
  }

  /** Closes the socket of a token that has ended. */
  checkGrant(): boolean {
    if (this.#options.tokens.isValid(this.#grant)) return true;
    this.#close(CLOSE_CODES.unauthenticated, 'the access token has ended');
    return false;
  }

  /** @param onSent it has left here */
  send(message: Uint8Array, onSent?: () => void): void {
    const { socket } = this.#options;
    if (socket.readyState !== WebSocket.OPEN) return;
    socket.send(message, onSent);
    if (socket.bufferedAmount > MAX_UNREAD_BYTES) this.#close(TRY_AGAIN, 'this page reads too slowly');
  }

  onNews(): void {
    if (!this.#waits) return;
    this.#waits = false;
    this.#askAll();
  }

  /** Its member's rights may be others by now. */
  onRights(): void {
    if (!this.#denied) return;
    this.#denied = false;
    this.#askAll();
  }

  expire(): void {
    this.#queue = [];
    this.#close(CLOSE_CODES.stale, 'the document was built anew: open it again');
  }

  end(): void {
    this.#queue = [];
    this.#close(CLOSE_CODES.forbidden, 'the sandbox is not on this machine any more');
  }

  /** The socket is gone. */
  closed(): void {
    clearTimeout(this.#settling?.timer);
    // What came before is as good as if it had come in time.
    this.#flush();
    this.#options.room.leave(this);
    this.#options.onState(this.client, null);
  }

  #read(bytes: Uint8Array): void {
    const decoder = decoding.createDecoder(bytes);
    switch (decoding.readVarUint(decoder)) {
      case MESSAGE_SYNC:
        return this.#sync(decoding.readVarUint(decoder), decoding.readVarUint8Array(decoder));
      case MESSAGE_AWARENESS:
        return this.#state(decoding.readVarUint8Array(decoder));
      case MESSAGE_QUERY_AWARENESS:
        return this.#tellStates();
      case MESSAGE_RENEW:
        return void this.#renew(decoding.readVarString(decoder));
      default:
        this.#close(UNSUPPORTED_DATA, 'no message of y-websocket');
    }
  }

  #sync(step: number, bytes: Uint8Array): void {
    if (step === SYNC_STEP_1) return this.#answer(bytes);
    if (step !== SYNC_STEP_2 && step !== SYNC_UPDATE) throw new SandboxError('BAD_ARGUMENT', `No sync step ${step}`);
    if (step === SYNC_STEP_2) this.#asked = false;
    else this.#updates++;
    // Those that arrived together, in one piece of the socket, are signed together.
    if (this.#queue.push({ update: bytes.slice(), atOnce: step === SYNC_UPDATE }) === 1)
      queueMicrotask(() => this.#flush());
  }

  /** Once for all that asked together. */
  #tellStates(): void {
    if (this.#tellsStates) return;
    this.#tellsStates = true;
    queueMicrotask(() => {
      this.#tellsStates = false;
      this.send(this.#options.room.states(this));
    });
  }

  /** One at a time: an answer may be the whole document, and making it takes the daemon from everybody else. */
  #answer(stateVector: Uint8Array): void {
    if (this.#answering) {
      this.#askedMeanwhile = stateVector.slice();
      return;
    }
    const answer = this.#options.room.answer(stateVector);
    this.#answering = true;
    this.send(answer, () => {
      this.#answering = false;
      const next = this.#askedMeanwhile;
      this.#askedMeanwhile = undefined;
      const isOpen = this.#options.socket.readyState === WebSocket.OPEN;
      if (next !== undefined && isOpen) this.#attempt(() => this.#answer(next));
    });
  }

  #flush(): void {
    const messages = this.#queue.splice(0);
    if (messages.length === 0) return;
    const { room, mayWrite, tellsDurable } = this.#options;
    const updates = this.#updates;
    try {
      const refusal = mayWrite(this.#grant);
      if (refusal !== undefined && messages.some(({ atOnce }) => atOnce)) throw refusal;
      if (refusal !== undefined) return;
      const { durable, foreign, incomplete } = room.take(this, messages);
      if (foreign > 0) this.#explain(`Left out: ${foreign} clocks under ids that are not this page's`);
      if (incomplete) this.#retry();
      else this.#waits = false;
      const told = durable.then(() => {
        if (tellsDurable && !incomplete) this.send(durableMessage(updates));
      });
      told.catch((thrown) => this.#fail(SandboxError.from(thrown)));
    } catch (thrown) {
      this.#fail(SandboxError.from(thrown));
    }
  }

  /** Asks for all of it at once, and if that was not enough, again when there is something new here. */
  #retry(): void {
    if (this.#asked || this.#waits) return;
    this.#waits = true;
    this.#askAll();
  }

  #askAll(): void {
    this.#asked = true;
    this.send(this.#options.room.askAll());
  }

  #fail(error: SandboxError): void {
    switch (error.code) {
      case 'FORBIDDEN':
        this.#denied = true;
        return this.#explain(textOf(error));
      case 'HANDLE_STALE':
        return this.expire();
      case 'BAD_ARGUMENT':
      case 'LIMIT_EXCEEDED':
        this.send(deniedMessage(textOf(error)));
        return this.#close(CLOSE_CODES.refused, error.message);
      case 'CANCELLED':
        return this.#close(GOING_AWAY, 'the sandbox was closed');
      default:
        this.#options.onError(error);
        return this.#close(FAULT, 'the daemon failed');
    }
  }

  #explain(reason: string): void {
    const now = performance.now();
    if (now - this.#explainedAt < EXPLAIN_EVERY_MS) return;
    this.#explainedAt = now;
    this.send(deniedMessage(reason));
  }

  #state(update: Uint8Array): void {
    const entry = this.#ownEntry(update);
    if (entry === undefined) return;
    if (this.#settling !== undefined) {
      this.#settling.latest = entry.state;
      return;
    }
    if (this.#rates.take(this.#options.member, 'presence')) return this.#tellState(entry.state);
    const timer = setTimeout(() => {
      const latest = this.#settling?.latest ?? null;
      this.#settling = undefined;
      this.#tellState(latest);
    }, SETTLE_MS);
    timer.unref();
    this.#settling = { latest: entry.state, timer };
  }

  /** One too large is only left out: a page says it before its edits, and on every connection. */
  #ownEntry(update: Uint8Array): AwarenessEntry | undefined {
    try {
      return readAwareness(update, this.client);
    } catch (thrown) {
      const error = SandboxError.from(thrown);
      if (error.code !== 'LIMIT_EXCEEDED') throw thrown;
      this.#explain(textOf(error));
      return undefined;
    }
  }

  #tellState(state: PageState | null): void {
    this.#options.room.awareness.set(this.client, state);
    this.#options.onState(this.client, state);
  }

  async #renew(accessToken: string): Promise<void> {
    try {
      const grant = await this.#options.tokens.verify(accessToken);
      // Whoever has a stronger token opens a socket with it. One that may not read is none to go on under.
      if (grant.tokenId === this.#grant.tokenId && grant.scopes.has('read')) this.#grant = grant;
    } catch {
      // The old one goes on until it ends, and the page hears of that.
    }
  }

  #close(code: number, reason: string): void {
    this.#options.socket.close(code, reason.slice(0, MAX_REASON_CHARS));
  }
}

function textOf({ message, hint }: SandboxError): string {
  return hint === undefined ? message : `${message}. ${hint}`;
}

function unreadable(cause: unknown): SandboxError {
  return new SandboxError('BAD_ARGUMENT', 'Cannot read a message of this page', { cause });
}
