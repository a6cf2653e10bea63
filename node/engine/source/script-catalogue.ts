/**
 * Keeps the scripts of a target by id and by the source files they stand for. Maps are read when a question needs
 * them: those of the project's own scripts for any question about a file, a package's only for questions about that
 * package, since programs load thousands of packages' scripts that nobody will ever ask for.
 */

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TraceMap } from '@jridgewell/trace-mapping';
import type { Protocol } from 'devtools-protocol';
import { BoundedCache } from '#shared/bounded-cache.ts';
import type { ContentHash } from '#shared/ids.ts';
import type { SourceFile } from '#shared/model/source-file.ts';
import { isBuiltAnew } from './built-anew.ts';
import { NODE_PACKAGE } from './file-names.ts';
import { fileKey, type LoadedScript, type ScriptSource } from './loaded-script.ts';
import type { FileNames } from './project.ts';
import { originOfScript } from './script-url.ts';
import { inventedPath, isInline, type LoadedMap, type MappedSource, type SourceMaps } from './source-map.ts';

/** A program may eval without end; the newest are the ones that can be on the stack. */
const MAX_NAMELESS_SCRIPTS = 5_000;
/** Hot reloading loads a file anew under the same name. */
const MAX_SCRIPTS_PER_FILE = 16;
const MAP_BUDGET_CHARS = 16 * 1024 * 1024;
const SHA256 = /^[0-9a-f]{64}$/;

export interface CatalogueOptions {
  readonly names: FileNames;
  readonly maps: SourceMaps;
  /** Scripts shown like Node's own although they have files: our harness. */
  readonly isInternal: (path: string) => boolean;
}

export class ScriptCatalogue {
  readonly #options: CatalogueOptions;
  readonly #scripts = new Map<string, LoadedScript>();
  readonly #nameless: string[] = [];
  readonly #byFile = new Map<string, ScriptSource[]>();
  /** What each script stands for, once its map was looked at. */
  readonly #sources = new Map<string, readonly ScriptSource[]>();
  readonly #unread = new Map<string, LoadedScript>();
  readonly #maps = new BoundedCache<string, LoadedMap>(MAP_BUDGET_CHARS);
  /** Scripts whose map was found to be of no use. */
  readonly #unmapped = new Set<string>();
  /** By file: the script that stood for it until it was built anew. */
  readonly #outdated = new Map<string, LoadedScript>();

  constructor(options: CatalogueOptions) {
    this.#options = options;
  }

  add(event: Protocol.Debugger.ScriptParsedEvent): LoadedScript {
    const script = this.#describe(event);
    this.#scripts.set(script.id, script);
    if (script.own === undefined) this.#boundNameless(script);
    else this.#index({ script, file: script.own, index: undefined, path: script.path, content: undefined });
    if (script.mapUrl === undefined) this.#sources.set(script.id, this.#itself(script));
    else this.#unread.set(script.id, script);
    return script;
  }

  get(scriptId: string): LoadedScript | undefined {
    return this.#scripts.get(scriptId);
  }

  /** What the script stands for: its readable originals, or itself (nothing when it has no name). */
  sourcesOf(script: LoadedScript): readonly ScriptSource[] {
    const known = this.#sources.get(script.id);
    if (known !== undefined) return known;
    this.#unread.delete(script.id);
    const map = this.mapOf(script);
    const originals = (map?.sources ?? []).flatMap((source) => this.#original(script, source));
    const sources = originals.length > 0 ? originals : this.#itself(script);
    this.#sources.set(script.id, sources);
    for (const source of originals) this.#index(source);
    return sources;
  }

  /** Every place the file is at: originals before scripts that run under the same name, newest first. */
  sourcesFor(file: SourceFile): readonly ScriptSource[] {
    for (const script of this.#unread.values()) {
      const own = script.own?.package;
      if (own === undefined || own === file.package) this.sourcesOf(script);
    }
    const found = this.#byFile.get(fileKey(file)) ?? [];
    const mapped = new Set(found.filter((source) => source.index !== undefined).map((source) => source.script));
    const kept = found.filter((source) => source.index !== undefined || !mapped.has(source.script));
    return kept.reverse();
  }

  /** The script that may have been made from a file, but whose map is that of a later build. */
  builtAnew(file: SourceFile): LoadedScript | undefined {
    const script = this.#outdated.get(fileKey(file));
    return script === undefined ? undefined : this.#scripts.get(script.id);
  }

  all(): Iterable<LoadedScript> {
    return this.#scripts.values();
  }

  mapOf(script: LoadedScript): LoadedMap | undefined {
    if (script.mapUrl === undefined || this.#unmapped.has(script.id)) return undefined;
    const known = this.#maps.get(script.id);
    if (known !== undefined) return known;
    const map = this.#options.maps.load({
      mapUrl: script.mapUrl,
      scriptPath: script.path,
      bases: this.#bases(script),
    });
    if (map === undefined || this.#isOutdated(script, map)) {
      this.#unmapped.add(script.id);
      return undefined;
    }
    this.#maps.set(script.id, map, map.size);
    return map;
  }

  traceOf(script: LoadedScript): TraceMap | undefined {
    return this.mapOf(script)?.trace();
  }

  /** A map beside a script is of what was built last: a program that was started before would be shown wrong lines. */
  #isOutdated(script: LoadedScript, map: LoadedMap): boolean {
    if (isInline(script.mapUrl ?? '') || !isBuiltAnew(script)) return false;
    for (const { file } of map.sources.flatMap((source) => this.#original(script, source))) {
      this.#outdated.set(fileKey(file), script);
    }
    return true;
  }

  #describe(event: Protocol.Debugger.ScriptParsedEvent): LoadedScript {
    const { names, isInternal } = this.#options;
    const origin = originOfScript(event.url);
    const path =
      origin.kind === 'file' ? origin.path : origin.kind === 'invented' ? this.#invented(origin.url) : undefined;
    const own = origin.kind === 'node' ? { package: NODE_PACKAGE, path: origin.name } : undefined;
    return {
      id: event.scriptId,
      url: event.url,
      path,
      own: own ?? (path === undefined ? undefined : names.nameOf(path)),
      internal: origin.kind === 'node' || (path !== undefined && isInternal(path)),
      mapUrl: event.sourceMapURL === '' ? undefined : event.sourceMapURL,
      hash: SHA256.test(event.hash) ? (event.hash as ContentHash) : undefined,
      length: event.length ?? 0,
      startLine: event.startLine,
      startColumn: event.startColumn,
      heardAt: Date.now(),
    };
  }

  #invented(url: string): string | undefined {
    const path = inventedPath(url);
    return path === undefined ? undefined : this.#options.names.toPath({ path });
  }

  #itself(script: LoadedScript): ScriptSource[] {
    if (script.own === undefined) return [];
    return [{ script, file: script.own, index: undefined, path: script.path, content: undefined }];
  }

  /** An original that is neither in the map nor on disk cannot be read: then the running code is shown. */
  #original(script: LoadedScript, { index, path, content }: MappedSource): ScriptSource[] {
    const file = path === undefined ? undefined : this.#options.names.nameOf(path);
    if (path === undefined || file === undefined) return [];
    return content === undefined && !existsSync(path) ? [] : [{ script, file, index, path, content }];
  }

  #index(source: ScriptSource): void {
    const key = fileKey(source.file);
    const list = this.#byFile.get(key) ?? [];
    list.push(source);
    this.#byFile.set(key, list);
    // A file is in the list at most twice per script: as it runs, and as an original.
    if (list.length > 2 * MAX_SCRIPTS_PER_FILE) this.#forget(list[0]?.script.id ?? '');
  }

  #boundNameless(script: LoadedScript): void {
    this.#nameless.push(script.id);
    if (this.#nameless.length > MAX_NAMELESS_SCRIPTS) this.#forget(this.#nameless.shift() ?? '');
  }

  #forget(scriptId: string): void {
    const script = this.#scripts.get(scriptId);
    const sources = this.#sources.get(scriptId) ?? [];
    for (const file of [script?.own, ...sources.map((source) => source.file)]) {
      if (file === undefined) continue;
      const kept = (this.#byFile.get(fileKey(file)) ?? []).filter((source) => source.script.id !== scriptId);
      this.#byFile.set(fileKey(file), kept);
    }
    this.#scripts.delete(scriptId);
    this.#sources.delete(scriptId);
    this.#unread.delete(scriptId);
    this.#maps.delete(scriptId);
    this.#unmapped.delete(scriptId);
  }

  /** What a bundler's names may be relative to: the nearest package, then the project or package root. */
  #bases(script: LoadedScript): string[] {
    if (script.path === undefined) return [];
    const bases: string[] = [];
    const depth = script.own?.path.split('/').length ?? 1;
    let folder = script.path;
    for (let level = 0; level < depth; level += 1) {
      folder = dirname(folder);
      if (existsSync(join(folder, 'package.json'))) bases.push(folder);
    }
    return bases.includes(folder) ? bases : [...bases, folder];
  }
}
