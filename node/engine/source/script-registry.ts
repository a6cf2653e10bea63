/**
 * Answers the engines' questions about the scripts of one target: which files they are, where positions lie in what
 * people wrote, where breakpoints belong, and what the text is. Which scripts there are is script-catalogue.ts;
 * texts and hashes are script-texts.ts; who may read what is served-files.ts.
 */

import { decodedMappings, type SourceMapSegment, type TraceMap, traceSegment } from '@jridgewell/trace-mapping';
import type { Protocol } from 'devtools-protocol';
import { BoundedCache } from '#shared/bounded-cache.ts';
import { SandboxError } from '#shared/errors.ts';
import type { ContentHash } from '#shared/ids.ts';
import { formatSourceFile, type SourceFile } from '#shared/model/source-file.ts';
import type { ServedFiles } from '../../security/served-files.ts';
import type { CdpSession } from '../../targets/attached-process.ts';
import { candidateInMap, candidateInScript } from './breakpoint-candidates.ts';
import { isNewerThanScript } from './built-anew.ts';
import { NODE_PACKAGE } from './file-names.ts';
import { fileKey, type LoadedScript, type ScriptSource } from './loaded-script.ts';
import type { FileNames } from './project.ts';
import { ScriptCatalogue } from './script-catalogue.ts';
import type {
  BreakpointCandidate,
  GeneratedPosition,
  ScriptRegistry,
  SourceLocation,
  SourceText,
} from './script-registry-interface.ts';
import { ScriptTexts } from './script-texts.ts';
import { SourceMaps } from './source-map.ts';

export interface ScriptRegistryOptions {
  readonly cdp: CdpSession;
  readonly names: FileNames;
  readonly served: ServedFiles;
  /** Shared by the registries of one daemon, so that a restarted process finds its maps parsed. */
  readonly maps?: SourceMaps;
  /** Scripts with files that are shown like Node's own: our harness. */
  readonly isInternal?: (path: string) => boolean;
}

const MAX_CACHED_POSITIONS = 20_000;
const MAX_REMEMBERED_HASHES = 20_000;
/** Pause between slices of reading maps of new scripts, so that a start with thousands of them leaves the daemon alive. */
const ANNOUNCE_SLICE_MS = 8;
/** Text of code without a file is named in this package. */
const EVAL_PACKAGE = 'eval';

export function createScriptRegistry(options: ScriptRegistryOptions): ScriptRegistry {
  return new TargetScripts(options);
}

class TargetScripts implements ScriptRegistry {
  readonly #cdp: CdpSession;
  readonly #names: FileNames;
  readonly #served: ServedFiles;
  readonly #catalogue: ScriptCatalogue;
  readonly #texts: ScriptTexts;
  readonly #positions = new BoundedCache<string, SourceLocation>(MAX_CACHED_POSITIONS);
  /** Where a text can be had again, for clients who ask by the hash a frame carried. */
  readonly #byHash = new BoundedCache<ContentHash, ScriptSource>(MAX_REMEMBERED_HASHES);
  readonly #listeners = new Set<(files: readonly SourceFile[]) => void>();
  readonly #unannounced: LoadedScript[] = [];
  /** Packages somebody asked about: the maps of their scripts are worth reading as they load. */
  readonly #wantedPackages = new Set<string>();
  #announcing = false;

  constructor(options: ScriptRegistryOptions) {
    this.#cdp = options.cdp;
    this.#names = options.names;
    this.#served = options.served;
    this.#texts = new ScriptTexts(options.cdp, options.names);
    this.#catalogue = new ScriptCatalogue({
      names: options.names,
      maps: options.maps ?? new SourceMaps(),
      isInternal: options.isInternal ?? (() => false),
    });
  }

  add(event: Protocol.Debugger.ScriptParsedEvent): void {
    const script = this.#catalogue.add(event);
    if (script.path !== undefined) this.#served.noteLoaded(script.path);
    if (this.#listeners.size === 0) return;
    this.#unannounced.push(script);
    if (this.#announcing) return;
    this.#announcing = true;
    queueMicrotask(() => this.#announce());
  }

  async filesOf(scriptId: string): Promise<readonly SourceFile[]> {
    const script = this.#catalogue.get(scriptId);
    return script === undefined ? [] : this.#catalogue.sourcesOf(script).map((source) => source.file);
  }

  async locate(position: GeneratedPosition): Promise<SourceLocation> {
    const key = `${position.scriptId}:${position.lineNumber}:${position.columnNumber}`;
    const known = this.#positions.get(key);
    if (known !== undefined) return known;
    const script = this.#catalogue.get(position.scriptId);
    if (script === undefined) return asGenerated(position, undefined);
    const location = (await this.#locateOriginal(script, position)) ?? (await this.#locateGenerated(script, position));
    this.#positions.set(key, location);
    return location;
  }

  isAdded(position: GeneratedPosition): boolean {
    const script = this.#catalogue.get(position.scriptId);
    const trace = script === undefined ? undefined : this.#catalogue.traceOf(script);
    if (script === undefined || trace === undefined || segmentAt(trace, script, position) !== undefined) return false;
    return this.#catalogue.sourcesOf(script).some(({ index }) => index !== undefined);
  }

  async candidates(file: SourceFile, line: number, column?: number): Promise<readonly BreakpointCandidate[]> {
    const wanted = { line: line - 1, column: column === undefined ? undefined : column - 1 };
    const found = await Promise.all(this.#sourcesFor(file).map((source) => this.#candidate(source, wanted)));
    const candidates = found.filter((candidate) => candidate !== undefined);
    // A bundle that has dropped the line would stop at what follows it there, in another function.
    const nearest = Math.min(...candidates.map((candidate) => candidate.line));
    return candidates.filter((candidate) => candidate.line === nearest);
  }

  async has(file: SourceFile): Promise<boolean> {
    return this.#sourcesFor(file).length > 0;
  }

  async builtAnew(file: SourceFile): Promise<SourceFile | undefined> {
    return this.#sourcesFor(file).length > 0 ? undefined : this.#catalogue.builtAnew(file)?.own;
  }

  async contentMatches(file: SourceFile): Promise<boolean> {
    const { sha256 } = file;
    if (sha256 === undefined) return true;
    const sources = this.#sourcesFor(file);
    if (sources.length === 0) return true;
    const verdicts = await Promise.all(sources.map((source) => this.#texts.matches(source, sha256)));
    return verdicts.some((verdict) => verdict !== false);
  }

  async madeBefore(file: SourceFile): Promise<SourceFile | undefined> {
    const sources = this.#sourcesFor(file);
    const outdated = sources.filter(isNewerThanScript);
    return outdated.length < sources.length ? undefined : outdated[0]?.script.own;
  }

  async list(match = ''): Promise<readonly SourceFile[]> {
    const files = new Map<string, SourceFile>();
    for (const script of this.#catalogue.all()) {
      const isPackaged = script.own?.package !== undefined && !this.#wantedPackages.has(script.own.package);
      const listed = isPackaged ? [script.own] : this.#catalogue.sourcesOf(script).map((source) => source.file);
      for (const file of listed) {
        if (file !== undefined && formatSourceFile(file).includes(match)) files.set(fileKey(file), file);
      }
    }
    return [...files.values()].sort((a, b) => rank(a) - rank(b) || compare(formatSourceFile(a), formatSourceFile(b)));
  }

  async text(which: { file: SourceFile } | { source: ContentHash }): Promise<SourceText> {
    const source = 'file' in which ? await this.#sourceByName(which.file) : this.#byHash.get(which.source);
    if (source === undefined) throw unknownSource('file' in which ? formatSourceFile(which.file) : which.source);
    if (source.path !== undefined) this.#served.check(source.path);
    const read = await this.#texts.read(source);
    if (read === undefined) throw unknownSource(formatSourceFile(source.file));
    this.#byHash.set(read.hash, source);
    return { file: { ...source.file, sha256: read.hash }, text: read.text, source: read.hash };
  }

  async runningText(scriptId: string): Promise<string | undefined> {
    const script = this.#catalogue.get(scriptId);
    if (script?.own === undefined) return undefined;
    if (script.path !== undefined) this.#served.check(script.path);
    const itself = { script, file: script.own, index: undefined, path: script.path, content: undefined };
    return (await this.#texts.read(itself))?.text;
  }

  onFiles(listener: (files: readonly SourceFile[]) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #sourcesFor(file: SourceFile): readonly ScriptSource[] {
    if (file.package !== undefined) this.#wantedPackages.add(file.package);
    return this.#catalogue.sourcesFor(file);
  }

  async #locateOriginal(script: LoadedScript, position: GeneratedPosition): Promise<SourceLocation | undefined> {
    const trace = this.#catalogue.traceOf(script);
    if (trace === undefined) return undefined;
    const segment = segmentAt(trace, script, position);
    if (segment === undefined) return undefined;
    const source = this.#catalogue.sourcesOf(script).find(({ index }) => index === segment[1]);
    if (source === undefined) return undefined;
    return this.#located(source, (segment[2] ?? 0) + 1, (segment[3] ?? 0) + 1);
  }

  #locateGenerated(script: LoadedScript, position: GeneratedPosition): Promise<SourceLocation> {
    const own = script.own ?? { package: EVAL_PACKAGE, path: `${script.id}.js` };
    const source: ScriptSource = { script, file: own, index: undefined, path: script.path, content: undefined };
    return this.#located(source, position.lineNumber + 1, position.columnNumber + 1);
  }

  async #located(source: ScriptSource, line: number, column: number): Promise<SourceLocation> {
    const hash = await this.#texts.hashOf(source).catch(() => undefined); // the target is gone: the place still counts
    if (hash !== undefined) this.#byHash.set(hash, source);
    const named = source.file.package === EVAL_PACKAGE ? undefined : source.file;
    const file = named === undefined || hash === undefined ? named : { ...named, sha256: hash };
    return { file, line, column, source: hash, internal: source.script.internal };
  }

  async #candidate(
    source: ScriptSource,
    wanted: { line: number; column: number | undefined },
  ): Promise<BreakpointCandidate | undefined> {
    try {
      if (source.index === undefined) return await candidateInScript(this.#cdp, source.script, wanted);
      const trace = this.#catalogue.traceOf(source.script);
      if (trace === undefined) return undefined;
      const text = (await this.#texts.read(source))?.text;
      return await candidateInMap(this.#cdp, { script: source.script, trace, source: source.index, text }, wanted);
    } catch (error) {
      // V8's refusal: the script was collected, or replaced by a hot patch.
      if (error instanceof SandboxError && error.code === 'EVALUATION_FAILED') return undefined;
      throw error;
    }
  }

  async #sourceByName(file: SourceFile): Promise<ScriptSource | undefined> {
    const sources = this.#sourcesFor(file);
    if (sources.length === 0) {
      // Not loaded: unknown, but what is never served says so whether or not it is loaded.
      const path = this.#names.toPath(file);
      if (path !== undefined) this.#served.check(path);
      return undefined;
    }
    if (file.sha256 === undefined) return sources[0];
    for (const source of sources) {
      if ((await this.#texts.hashOf(source)) === file.sha256) return source;
    }
    return sources[0];
  }

  #announce(): void {
    const until = performance.now() + ANNOUNCE_SLICE_MS;
    const files: SourceFile[] = [];
    let script = this.#unannounced.shift();
    while (script !== undefined) {
      files.push(...this.#filesToAnnounce(script));
      script = performance.now() < until ? this.#unannounced.shift() : undefined;
    }
    this.#announcing = this.#unannounced.length > 0;
    if (this.#announcing) setImmediate(() => this.#announce());
    if (files.length > 0) for (const listener of [...this.#listeners]) listener(files);
  }

  #filesToAnnounce(script: LoadedScript): SourceFile[] {
    const inPackage = script.own?.package;
    const isWorthIt = inPackage === undefined || this.#wantedPackages.has(inPackage);
    const originals = isWorthIt ? this.#catalogue.sourcesOf(script).map((source) => source.file) : [];
    const own = script.own;
    if (own === undefined || originals.some((file) => fileKey(file) === fileKey(own))) return originals;
    return [...originals, own];
  }
}

/** The mapping at a position, else the next one on its line (helpers that compilers put first), else the one before. */
function segmentAt(
  trace: TraceMap,
  script: LoadedScript,
  { lineNumber, columnNumber }: GeneratedPosition,
): Readonly<SourceMapSegment> | undefined {
  const line = lineNumber - script.startLine;
  const column = columnNumber - (line === 0 ? script.startColumn : 0);
  const at = traceSegment(trace, line, column);
  if (at !== null && at.length > 1) return at;
  const segments = (decodedMappings(trace)[line] ?? []).filter((segment) => segment.length > 1);
  return segments.find((segment) => segment[0] >= column) ?? segments.at(-1);
}

function asGenerated(position: GeneratedPosition, file: SourceFile | undefined): SourceLocation {
  return {
    file,
    line: position.lineNumber + 1,
    column: position.columnNumber + 1,
    source: undefined,
    internal: false,
  };
}

/** The project's files first, then packages, then Node's own. */
function rank(file: SourceFile): number {
  if (file.package === undefined) return 0;
  return file.package === NODE_PACKAGE ? 2 : 1;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function unknownSource(what: string): SandboxError {
  return new SandboxError('SOURCE_UNKNOWN', `Cannot read "${what}": the target has not loaded it`, {
    hint: 'List what it has loaded with `sandmesh source`.',
  });
}
