/**
 * A shared document in a page or a program, through the stock y-websocket provider: opened under the id that the daemon
 * gives, reopened under another when the document was built anew, with what had not got through made again. Yjs and the
 * provider are the caller's own: a second copy of Yjs in one page would not recognise the first one's types.
 */

import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';
import type * as Yjs from 'yjs';
import {
  CLOSE_CODES,
  DURABLE_PROTOCOL,
  MESSAGE_AUTH,
  MESSAGE_DURABLE,
  MESSAGE_RENEW,
} from '#protocol/api/document-messages.ts';
import type { CommandResult } from '#protocol/catalogue/catalogue.ts';
import { Emitter } from '#shared/emitter.ts';
import { SandboxError } from '#shared/errors.ts';
import type { SandmeshClient } from './client.ts';
import type { Scope } from './conversation.ts';
import { replayEdits } from './replay-edits.ts';

/** The part of y-websocket's provider that is used. */
export interface ProviderLike {
  serverUrl: string;
  protocols: string[];
  ws: { readyState: number; send(bytes: Uint8Array): void } | null;
  readonly synced: boolean;
  readonly messageHandlers: unknown[];
  readonly awareness: { destroy(): void };
  on(event: string, listener: (...args: never[]) => void): void;
  connect(): void;
  destroy(): void;
}

export interface DocumentOptions<P extends ProviderLike> extends Scope {
  /** `debug`, `probes`, `experiments` or `draft/<file>`. */
  readonly document: string;
  /** The package yjs. */
  readonly Y: typeof Yjs;
  /** y-websocket's. */
  readonly WebsocketProvider: new (
    url: string,
    room: string,
    doc: Yjs.Doc,
    options: object,
  ) => P;
  /** In Node: the package ws. */
  readonly WebSocketPolyfill?: unknown;
}

type Place = CommandResult<'document.open'>;
type Ranges = { readonly client: number; readonly clock: number; readonly length: number }[];

const OPEN = 1;
/** A WebSocket closes by itself, without a word, on a message that is too large. */
const TOO_LARGE = 1009;
/** The access token is renewed when this part of its time is over. */
const RENEW_AFTER = 0.8;
const RETRY_MS = 500;

interface Attached<P> {
  readonly doc: Yjs.Doc;
  readonly provider: P;
  readonly client: number;
  /** Deleted here. */
  readonly deletes: Ranges;
  /** Updates sent on the present connection. */
  sent: number;
  /** Whether something was written since the daemon last said that all of it is durable. */
  dirty: boolean;
}

export class SharedDocument<P extends ProviderLike> {
  readonly #client: SandmeshClient;
  readonly #options: DocumentOptions<P>;
  #current!: Attached<P>;
  #renewal: ReturnType<typeof setTimeout> | undefined;
  #reopening: Promise<void> | undefined;
  readonly #ended = new AbortController();
  /**
   * `replaced`: the document was built anew: bind to {@link doc} and {@link provider} again. `refused`: something written
   * here was not taken, and why. `durable`: everything written here so far survives a loss of power.
   */
  readonly events = new Emitter<{ replaced: object; refused: { reason: string }; durable: object }>();

  private constructor(client: SandmeshClient, options: DocumentOptions<P>) {
    this.#client = client;
    this.#options = options;
  }

  /** @throws {SandboxError} FORBIDDEN, BAD_ARGUMENT, DAEMON_UNREACHABLE */
  static async open<P extends ProviderLike>(
    client: SandmeshClient,
    options: DocumentOptions<P>,
  ): Promise<SharedDocument<P>> {
    const shared = new SharedDocument(client, options);
    shared.#current = shared.#attach(await shared.#ask());
    return shared;
  }

  /** Another one after each `replaced`. */
  get doc(): Yjs.Doc {
    return this.#current.doc;
  }
  get provider(): P {
    return this.#current.provider;
  }

  /** Whether everything written here is durable at the daemon. */
  get isDurable(): boolean {
    return !this.#current.dirty;
  }

  /** Resolves when everything written here so far is durable; rejects with `signal.reason`, and when it is closed before. */
  async durable(options: { signal?: AbortSignal } = {}): Promise<void> {
    const ended = this.#ended.signal;
    const signal = options.signal === undefined ? ended : AbortSignal.any([ended, options.signal]);
    while (!this.isDurable) await this.events.next('durable', { signal });
  }

  get #closed(): boolean {
    return this.#ended.signal.aborted;
  }

  /** Safe to call twice. */
  close(): void {
    if (this.#closed) return;
    this.#ended.abort(new SandboxError('CANCELLED', `The document "${this.#options.document}" was closed`));
    clearTimeout(this.#renewal);
    end(this.#current.provider);
    this.events.removeAll();
  }

  async #ask(): Promise<Place> {
    const { document, sandbox, folder } = this.#options;
    const scope = { ...(sandbox === undefined ? {} : { sandbox }), ...(folder === undefined ? {} : { folder }) };
    const place = await this.#client.call('document.open', { document }, scope);
    const { origin } = this.#client;
    // The daemon knows itself by one name; a client elsewhere reaches it by another.
    return origin === undefined
      ? place
      : { ...place, url: origin.replace(/^http/, 'ws') + new URL(place.url).pathname };
  }

  #attach(place: Place): Attached<P> {
    const { Y, WebsocketProvider, WebSocketPolyfill } = this.#options;
    const doc = new Y.Doc();
    // Before anything is loaded, and before Awareness takes it over.
    doc.clientID = place.clientId;
    const provider = new WebsocketProvider(place.url, place.room, doc, {
      // Other tabs would hand on what no daemon has seen.
      disableBc: true,
      protocols: [...place.protocols, DURABLE_PROTOCOL],
      ...(WebSocketPolyfill === undefined ? {} : { WebSocketPolyfill }),
    });
    const attached: Attached<P> = { doc, provider, client: place.clientId, deletes: [], sent: 0, dirty: false };
    doc.on('afterTransaction', (transaction: Yjs.Transaction) => {
      if (!transaction.local) return;
      for (const [client, ranges] of transaction.deleteSet.clients) {
        for (const { clock, len } of ranges) attached.deletes.push({ client, clock, length: len });
      }
    });
    doc.on('update', (_update: Uint8Array, origin: unknown) => {
      if (origin === provider) return;
      attached.dirty = true;
      attached.sent++;
    });
    provider.on('status', ({ status }: { status: string }) => {
      if (status === 'connected') attached.sent = 0;
    });
    provider.messageHandlers[MESSAGE_DURABLE] = (_encoder: unknown, decoder: decoding.Decoder) =>
      this.#onDurable(attached, decoding.readVarUint(decoder));
    provider.messageHandlers[MESSAGE_AUTH] = (_encoder: unknown, decoder: decoding.Decoder) => {
      decoding.readVarUint(decoder);
      this.events.emit('refused', { reason: decoding.readVarString(decoder) });
    };
    provider.on('connection-close', (event: { code?: number; reason?: string } | null) =>
      this.#onClosed(attached, event?.code, event?.reason),
    );
    this.#scheduleRenewal(place.expiresInSeconds);
    return attached;
  }

  #onDurable(attached: Attached<P>, updates: number): void {
    if (attached !== this.#current || updates < attached.sent) return;
    attached.dirty = false;
    this.events.emit('durable', {});
  }

  #onClosed(attached: Attached<P>, code: number | undefined, reason = 'the document is not here any more'): void {
    if (this.#closed || attached !== this.#current) return;
    if (code === CLOSE_CODES.forbidden) return this.events.emit('refused', { reason });
    const isTooLarge = code === TOO_LARGE;
    if (isTooLarge) this.events.emit('refused', { reason: 'Cannot share this edit: it is larger than 32 MiB' });
    if (code === CLOSE_CODES.stale || code === CLOSE_CODES.refused || isTooLarge) {
      this.#reopening ??= this.#reopen(code === CLOSE_CODES.stale).finally(() => {
        this.#reopening = undefined;
      });
    } else if (code === CLOSE_CODES.unauthenticated) void this.#comeBack(attached);
    else void this.#refresh();
  }

  /** After this close the provider does not try again by itself. */
  async #comeBack(attached: Attached<P>): Promise<void> {
    const place = await this.#askUntilAnswered();
    if (place === undefined || this.#closed || attached !== this.#current) return;
    this.#use(place);
    attached.provider.connect();
  }

  #use(place: Place): void {
    const { provider } = this.#current;
    provider.serverUrl = place.url;
    provider.protocols = [...place.protocols, DURABLE_PROTOCOL];
  }

  /** @param replay what had not got through is made again; what was refused would be refused again */
  async #reopen(replay: boolean): Promise<void> {
    const before = this.#current;
    const next = await this.#attachAnew();
    if (next === undefined) return;
    const { Y } = this.#options;
    const edits = { Y, from: before.doc, to: next.doc, client: before.client, deletes: before.deletes };
    this.#current = next;
    if (replay) replayEdits(edits);
    end(before.provider);
    this.events.emit('replaced', {});
  }

  /** Until one is synced: it may be built anew once more meanwhile. @returns undefined when closed, or refused for good */
  async #attachAnew(): Promise<Attached<P> | undefined> {
    for (;;) {
      const place = await this.#askUntilAnswered();
      if (place === undefined || this.#closed) return undefined;
      const next = this.#attach(place);
      if (await isSynced(next.provider, this.#ended.signal)) return next;
      end(next.provider);
      if (this.#closed) return undefined;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  async #askUntilAnswered(): Promise<Place | undefined> {
    while (!this.#closed) {
      try {
        return await this.#ask();
      } catch (thrown) {
        const error = SandboxError.from(thrown);
        if (error.code !== 'DAEMON_UNREACHABLE' && error.code !== 'TIMEOUT') {
          this.events.emit('refused', { reason: error.message });
          return undefined;
        }
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
    return undefined;
  }

  /** A fresh token for the next connection. */
  async #refresh(): Promise<Place | undefined> {
    try {
      const place = await this.#ask();
      this.#use(place);
      return place;
    } catch {
      // The daemon is away: the provider keeps trying, and this is called again.
      return undefined;
    }
  }

  #scheduleRenewal(expiresInSeconds: number): void {
    clearTimeout(this.#renewal);
    const renew = async (): Promise<void> => {
      const place = await this.#refresh();
      if (this.#closed) return;
      const { ws } = this.#current.provider;
      const token = place?.protocols.find((name) => name.startsWith('bearer.'))?.slice('bearer.'.length);
      if (token !== undefined && ws?.readyState === OPEN) {
        const encoder = encoding.createEncoder();
        encoding.writeVarUint(encoder, MESSAGE_RENEW);
        encoding.writeVarString(encoder, token);
        ws.send(encoding.toUint8Array(encoder));
      }
      this.#scheduleRenewal(place?.expiresInSeconds ?? RETRY_MS / 1000);
    };
    this.#renewal = setTimeout(() => void renew(), expiresInSeconds * RENEW_AFTER * 1000);
    unref(this.#renewal);
  }
}

/** The provider leaves the awareness it made, and so its timer. */
function end(provider: ProviderLike): void {
  provider.destroy();
  provider.awareness.destroy();
}

/** @returns false when it will not be: the provider does not come back by itself, or `ended` */
function isSynced(provider: ProviderLike, ended: AbortSignal): Promise<boolean> {
  if (provider.synced || ended.aborted) return Promise.resolve(provider.synced);
  return new Promise((resolve) => {
    const finish = (outcome: boolean): void => {
      ended.removeEventListener('abort', give);
      resolve(outcome);
    };
    const give = (): void => finish(false);
    ended.addEventListener('abort', give, { once: true });
    provider.on('sync', () => finish(true));
    provider.on('connection-close', (event: { code?: number } | null) => {
      if (Object.values<number | undefined>(CLOSE_CODES).includes(event?.code)) finish(false);
    });
  });
}

/** In Node a timer must not keep the program; a browser's is a number. */
function unref(timer: unknown): void {
  if (typeof timer === 'object' && timer !== null && 'unref' in timer) (timer as { unref(): void }).unref();
}

/**
 * Opens a shared document; the caller closes it, and before that the client, which should reconnect, stays open.
 *
 * @throws {SandboxError} FORBIDDEN, BAD_ARGUMENT, DAEMON_UNREACHABLE
 */
export function openDocument<P extends ProviderLike>(
  client: SandmeshClient,
  options: DocumentOptions<P>,
): Promise<SharedDocument<P>> {
  return SharedDocument.open(client, options);
}
