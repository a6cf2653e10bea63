/**
 * Between an editor and the daemon: whatever the daemon says may be repeated is answered here, which saves the way to it.
 * At a stop an editor asks for the stack, scopes and variables again and again, and waits for each.
 *
 * Promised is that no answer given here is older than what the daemon had written when the request could be read here (see
 * `carry`): it says that it forgets in the same stream as everything else, before the response to whatever changed
 * something and before the event that tells of it. So whoever was told of a change sees what came of it. What changes while
 * a request is on its way is a race that an answer of the daemon's own can lose as well: it is as old as its way back.
 */

import { FORGET_EVENT, KNOWN_EVENT, type KnownAnswer, REPEATABLE_REQUESTS } from '#protocol/dap-bridge.ts';
import { encodeDapMessage, frameDapContent, parseDapContent } from '#protocol/dap-framing.ts';

/** Requests that change nothing, besides those. */
const LOOKING: ReadonlySet<string> = new Set([
  'source',
  'loadedSources',
  'modules',
  'completions',
  'exceptionInfo',
  'stepInTargets',
  'breakpointLocations',
  'cancel',
]);
/** Events after which everything is as it was. */
const UNRELATED: ReadonlySet<string> = new Set([
  'output',
  'breakpoint',
  'process',
  'progressStart',
  'progressUpdate',
  'progressEnd',
]);
const MAX_ANSWERS = 500;
const MAX_CHARS = 8 * 1024 * 1024;

export interface EditorAndDaemon {
  /** The editor takes what it is sent: an answer from here does not wait behind the daemon's. */
  readonly takesAnswers: () => boolean;
  /** @param message framed; a string is ASCII */
  readonly toEditor: (message: Uint8Array | string) => void;
  readonly toDaemon: (message: Uint8Array) => void;
}

interface Message {
  readonly type?: unknown;
  readonly seq?: unknown;
  readonly request_seq?: unknown;
  readonly command?: unknown;
  readonly arguments?: unknown;
  readonly event?: unknown;
  readonly body?: unknown;
  /** Of a response: it may be repeated. */
  readonly known?: unknown;
}

export class KnownAnswers {
  readonly #ends: EditorAndDaemon;
  /** Request → body of its response, as JSON in ASCII. */
  readonly #bodies = new Map<string, string>();
  #chars = 0;
  /** Requests at the daemon that may be repeated once answered, by their number. */
  readonly #asked = new Map<unknown, string>();
  /** Requests at the daemon that may change something: until each is answered nothing is answered here. */
  readonly #changing = new Set<unknown>();
  /** Number the editor was told → the daemon's own, of requests to the editor. */
  readonly #askedBack = new Map<unknown, unknown>();
  #seq = 0;

  constructor(ends: EditorAndDaemon) {
    this.#ends = ends;
  }

  /** @param content of one message; whatever is not understood is the daemon's to refuse */
  fromEditor(content: Uint8Array): void {
    const message = (parseDapContent(content) ?? {}) as Message;
    if (message.type === 'response') return this.#answerBack(message);
    if (message.type === 'request' && this.#request(message)) return;
    this.#ends.toDaemon(frameDapContent(content));
  }

  fromDaemon(content: Uint8Array): void {
    const { known, ...message } = (parseDapContent(content) ?? {}) as Message;
    const { type, event, body, request_seq } = message;
    if (type === 'event') {
      if (event === KNOWN_EVENT) return this.#learn(body as KnownAnswer);
      if (!UNRELATED.has(String(event))) this.#forget();
      if (event === FORGET_EVENT) return;
    }
    if (type === 'response') {
      const asked = this.#asked.get(request_seq);
      this.#asked.delete(request_seq);
      this.#changing.delete(request_seq);
      if (known === true && asked !== undefined) this.#keep(asked, body);
    }
    this.tell(message);
  }

  /** A message of our own, or one of the daemon's, under the next number. */
  tell(message: Message): void {
    this.#seq += 1;
    if (message.type === 'request') this.#askedBack.set(this.#seq, message.seq);
    this.#ends.toEditor(encodeDapMessage({ ...message, seq: this.#seq }));
  }

  /** @returns whether it was answered */
  #request({ seq, command, arguments: args }: Message): boolean {
    if (typeof command !== 'string' || LOOKING.has(command)) return false;
    // Its number is part of what goes out as ASCII; one that is none is the daemon's to refuse.
    if (typeof seq !== 'number') return false;
    if (REPEATABLE_REQUESTS.has(command)) {
      const key = keyOf(command, args);
      const body = this.#changing.size === 0 && this.#ends.takesAnswers() ? this.#bodies.get(key) : undefined;
      if (body === undefined) this.#asked.set(seq, key);
      else this.#answer({ seq, command }, body);
      return body !== undefined;
    }
    // A hover or a watch seldom changes anything: the daemon says so before it answers. Everything else may well.
    if (command !== 'evaluate') this.#forget();
    this.#changing.add(seq);
    return false;
  }

  #answer({ seq, command }: Message, body: string): void {
    this.#seq += 1;
    const head = JSON.stringify({ seq: this.#seq, type: 'response', request_seq: seq, command, success: true });
    const content = `${head.slice(0, -1)},"body":${body}}`;
    this.#ends.toEditor(`Content-Length: ${content.length}\r\n\r\n${content}`);
  }

  #answerBack(message: Message): void {
    const seq = this.#askedBack.get(message.request_seq);
    this.#askedBack.delete(message.request_seq);
    // Whatever nobody asked means nothing, and its number another's question.
    if (seq !== undefined) this.#ends.toDaemon(encodeDapMessage({ ...message, request_seq: seq }));
  }

  #learn({ command, arguments: args, body }: KnownAnswer): void {
    this.#keep(keyOf(command, args), body);
  }

  #keep(key: string, body: unknown): void {
    const text = asciiOf(JSON.stringify(body));
    if (this.#bodies.size >= MAX_ANSWERS || this.#chars + text.length > MAX_CHARS) return;
    this.#chars += text.length;
    this.#bodies.set(key, text);
  }

  #forget(): void {
    this.#bodies.clear();
    this.#chars = 0;
    // What is under way was asked before.
    this.#asked.clear();
  }
}

/** The same JSON, as long in bytes as in characters. */
function asciiOf(json: string): string {
  return json.replace(/[^\0-\x7f]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** One text per question, whatever order its arguments are written in. */
function keyOf(command: string, args: unknown): string {
  const isObject = typeof args === 'object' && args !== null && !Array.isArray(args);
  const named = Object.entries(isObject ? args : {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([command, named]);
}
