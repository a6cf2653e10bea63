/**
 * The source files of a program whose debugger is an adapter, as scripts. An adapter tells of a file when a frame stands in
 * it, or never: so a file becomes a script when the program begins in it, when a breakpoint names it, or when it is on a
 * stack.
 */

import { createHash } from 'node:crypto';
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Protocol } from 'devtools-protocol';
import { SandboxError } from '#shared/errors.ts';
import type { AdapterRequests } from './adapter-requests.ts';

const MAX_SOURCE_BYTES = 32 * 1024 * 1024;
/** Lines that no adapter stops at: empty, or nothing but a comment or what closes a block. What may be code is asked of it. */
const NO_CODE =
  /^\s*(?:(?:#(?!\[)|\/\/|;).*|--(?:[\s-].*)?|\*+(?:\s.*|\/)?|\/\*(?:(?!\*\/).)*(?:\*\/)?|[)\]}]+[;,]?|end)?\s*$/;

interface KnownSource {
  readonly scriptId: string;
  /** Absolute real path. */
  readonly path: string | undefined;
  /** By which the adapter gives its text; 0: the file has it. */
  readonly reference: number;
  lines: readonly string[] | undefined;
}

export class AdapterSources {
  readonly #requests: AdapterRequests;
  readonly #onScript: (event: Protocol.Debugger.ScriptParsedEvent) => void;
  readonly #byId = new Map<string, KnownSource>();
  readonly #byKey = new Map<string, KnownSource>();

  constructor(requests: AdapterRequests, onScript: (event: Protocol.Debugger.ScriptParsedEvent) => void) {
    this.#requests = requests;
    this.#onScript = onScript;
  }

  /** Makes a file of this machine a script. @returns undefined when there is none */
  file(path: string): string | undefined {
    const known = this.#byKey.get(path);
    if (known !== undefined) return known.scriptId;
    try {
      const real = realpathSync.native(path);
      const sameFile = this.#byKey.get(real);
      if (sameFile !== undefined) {
        this.#byKey.set(path, sameFile);
        return sameFile.scriptId;
      }
      if (!statSync(real).isFile() || statSync(real).size > MAX_SOURCE_BYTES) return undefined;
      const text = readFileSync(real);
      const source = this.#add(real, { path: real, reference: 0, lines: text.toString('utf8').split('\n') });
      if (path !== real) this.#byKey.set(path, source);
      this.#announce(source, pathToFileURL(real).href, text.length, createHash('sha256').update(text).digest('hex'));
      return source.scriptId;
    } catch {
      return undefined; // not on this machine: the adapter may have its text
    }
  }

  /** The script of what a frame stands in. */
  of({ path, name, sourceReference = 0 }: DebugProtocol.Source): string {
    const onDisk = path !== undefined && isAbsolute(path) ? this.file(path) : undefined;
    if (onDisk !== undefined) return onDisk;
    const key = `\0${sourceReference} ${path ?? name ?? ''}`;
    const known = this.#byKey.get(key);
    if (known !== undefined) return known.scriptId;
    const source = this.#add(key, { path: undefined, reference: sourceReference, lines: undefined });
    // Without a URL it is code without a file.
    this.#announce(source, '', 0, '');
    return source.scriptId;
  }

  pathOf(scriptId: string): string | undefined {
    return this.#byId.get(scriptId)?.path;
  }

  /** @throws {SandboxError} EVALUATION_FAILED when nobody has it */
  async text(scriptId: string): Promise<string> {
    const source = this.#byId.get(scriptId);
    if (source?.lines !== undefined) return source.lines.join('\n');
    if (source === undefined || source.reference === 0) {
      throw new SandboxError('EVALUATION_FAILED', `Cannot read the source ${scriptId}: the debug adapter has none`);
    }
    const { reference: sourceReference } = source;
    const { content } = await this.#requests.ask<DebugProtocol.SourceResponse['body']>('source', {
      sourceReference,
      source: { sourceReference },
    });
    source.lines = content.split('\n');
    return content;
  }

  /** Lines from `first` to before `end`, counted from 0, that may have code. */
  codeLines(scriptId: string, first: number, end: number): number[] {
    const lines = this.#byId.get(scriptId)?.lines ?? [];
    const found: number[] = [];
    for (let line = Math.max(0, first); line < Math.min(end, lines.length); line += 1) {
      if (!NO_CODE.test(lines[line] ?? '')) found.push(line);
    }
    return found;
  }

  #add(key: string, facts: Omit<KnownSource, 'scriptId'>): KnownSource {
    const source = { ...facts, scriptId: String(this.#byId.size + 1) };
    this.#byId.set(source.scriptId, source);
    this.#byKey.set(key, source);
    return source;
  }

  #announce({ scriptId, lines = [] }: KnownSource, url: string, length: number, hash: string): void {
    this.#onScript({
      scriptId,
      url,
      hash,
      length,
      startLine: 0,
      startColumn: 0,
      endLine: Math.max(0, lines.length - 1),
      endColumn: lines.at(-1)?.length ?? 0,
      executionContextId: 1,
      sourceMapURL: '',
      buildId: '',
    });
  }
}
