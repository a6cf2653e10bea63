/**
 * The text of source files as people read them, and its hash: what the map carries, the file on disk when it is what
 * runs, else what V8 gives. Texts are read when asked for and kept up to a budget; a text above it is let go soon.
 */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { BoundedCache } from '#shared/bounded-cache.ts';
import type { ContentHash } from '#shared/ids.ts';
import type { CdpSession } from '../../targets/attached-process.ts';
import { isHashOf } from './byte-order-mark.ts';
import type { LoadedScript, ScriptSource } from './loaded-script.ts';
import type { FileNames } from './project.ts';

export interface HashedText {
  readonly text: string;
  readonly hash: ContentHash;
}

const CACHE_BUDGET_CHARS = 16 * 1024 * 1024;
const LARGE_TEXT_TTL_MS = 10_000;
/** V8's own limit for a string is twice this. */
const MAX_TEXT_BYTES = 256 * 1024 * 1024;
const FETCH_TIMEOUT_MS = 60_000;

export class ScriptTexts {
  readonly #cdp: CdpSession;
  readonly #names: FileNames;
  /** Keyed by script id, then the original's index. */
  readonly #texts = new BoundedCache<string, Promise<HashedText | undefined>>(CACHE_BUDGET_CHARS);
  readonly #contentHashes = new WeakMap<ScriptSource, ContentHash>();

  constructor(cdp: CdpSession, names: FileNames) {
    this.#cdp = cdp;
    this.#names = names;
  }

  /** Hash of the text that `read` would give, without reading it where that can be avoided. */
  async hashOf(source: ScriptSource): Promise<ContentHash | undefined> {
    if (source.content !== undefined) return this.#hashOfContent(source, source.content);
    if (source.index === undefined) return source.script.hash ?? (await this.read(source))?.hash;
    return source.path === undefined ? undefined : this.#names.hashOf(source.path);
  }

  /** Whether `hash`, taken over a file's bytes, is of what the target runs; undefined when nothing is known. */
  async matches(source: ScriptSource, hash: ContentHash): Promise<boolean | undefined> {
    const own = await this.hashOf(source);
    if (own === undefined) return undefined;
    if (own === hash) return true;
    const text = (await this.read(source))?.text;
    return text !== undefined && isHashOf(text, hash);
  }

  /**
   * @returns undefined when the text is nowhere to be had
   * @throws {SandboxError} TARGET_GONE, TIMEOUT when only the target has it
   */
  read(source: ScriptSource): Promise<HashedText | undefined> {
    if (source.content !== undefined) {
      return Promise.resolve({ text: source.content, hash: this.#hashOfContent(source, source.content) });
    }
    const key = `${source.script.id}:${source.index ?? ''}`;
    const known = this.#texts.get(key);
    if (known !== undefined) return known;
    const reading = source.index === undefined ? this.#readScript(source.script) : readFile(source.path);
    this.#texts.set(key, reading, 0);
    reading.then(
      (read) => this.#keep(key, reading, read),
      () => this.#texts.delete(key), // the caller gets the error; the next one tries again
    );
    return reading;
  }

  #keep(key: string, reading: Promise<HashedText | undefined>, read: HashedText | undefined): void {
    const cost = read?.text.length ?? 0;
    // Originals on disk may change under a running program; only what V8 holds is final.
    const isFinal = read !== undefined && key.endsWith(':');
    if (!isFinal) {
      this.#texts.delete(key);
      return;
    }
    this.#texts.set(key, reading, cost);
    if (cost > CACHE_BUDGET_CHARS) setTimeout(() => this.#texts.delete(key), LARGE_TEXT_TTL_MS).unref();
  }

  async #readScript(script: LoadedScript): Promise<HashedText | undefined> {
    const onDisk = script.hash === undefined ? undefined : await readFile(script.path);
    if (onDisk !== undefined && onDisk.hash === script.hash) return onDisk;
    const params = { scriptId: script.id };
    const { scriptSource } = await this.#cdp.send('Debugger.getScriptSource', params, { timeoutMs: FETCH_TIMEOUT_MS });
    return { text: scriptSource, hash: script.hash ?? sha256(scriptSource) };
  }

  #hashOfContent(source: ScriptSource, content: string): ContentHash {
    const known = this.#contentHashes.get(source);
    if (known !== undefined) return known;
    const hash = sha256(content);
    this.#contentHashes.set(source, hash);
    return hash;
  }
}

/** In pieces, so that hashing 100 MB does not stop the daemon for its length. */
async function readFile(path: string | undefined): Promise<HashedText | undefined> {
  if (path === undefined) return undefined;
  try {
    const stats = await stat(path);
    if (!stats.isFile() || stats.size > MAX_TEXT_BYTES) return undefined;
    const digest = createHash('sha256');
    const pieces: Buffer[] = [];
    for await (const piece of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
      digest.update(piece as Buffer);
      pieces.push(piece as Buffer);
    }
    return { text: Buffer.concat(pieces).toString('utf8'), hash: digest.digest('hex') as ContentHash };
  } catch {
    return undefined; // gone or unreadable: as good as not there
  }
}

function sha256(text: string): ContentHash {
  return createHash('sha256').update(text).digest('hex') as ContentHash;
}
