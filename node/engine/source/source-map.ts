/**
 * Reads the source maps of scripts: inline (`data:`) or from a file beside the script; never over the network.
 * Parsed maps are kept by content hash up to a budget, since a restarted or forked process loads the same ones again.
 * A map that is missing, broken, huge or of a strange version is no error: the script is then shown as it runs.
 */

import { createHash } from 'node:crypto';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { decodedMappings, FlattenMap, type SourceMapInput, type TraceMap } from '@jridgewell/trace-mapping';
import { BoundedCache } from '#shared/bounded-cache.ts';
import { ForeignSources } from './foreign-sources.ts';
import { isFile, pathBelow, readTextFile, realPathOrSame } from './local-files.ts';

/** One original of a script. */
export interface MappedSource {
  /** Index in the map. */
  readonly index: number;
  /** Absolute local path, real when it exists; undefined for a source that names no file. */
  readonly path: string | undefined;
  /** As the map has it. */
  readonly url: string;
  /** Text carried by the map. */
  readonly content: string | undefined;
}

export interface LoadedMap {
  readonly sources: readonly MappedSource[];
  /** Decoded when first asked for; undefined when the mappings turn out to be broken. */
  trace(): TraceMap | undefined;
  /** Characters of JSON it came from: what it costs to keep, roughly. */
  readonly size: number;
}

/** Where a map is looked for. */
export interface MapRequest {
  /** `sourceMapURL` as V8 reports it. */
  readonly mapUrl: string;
  /** Absolute path of the script, if it has one. */
  readonly scriptPath: string | undefined;
  /** Folders that bundlers' invented names (`webpack://app/./src/x.ts`) may be relative to, best first. */
  readonly bases: readonly string[];
}

const MAX_MAP_CHARS = 96 * 1024 * 1024;
/** Decoded, a map takes some ten times its text. */
const CACHE_BUDGET_CHARS = 24 * 1024 * 1024;

export class SourceMaps {
  /** By hash over text and location; what does not parse is remembered too. */
  readonly #parsed = new BoundedCache<string, { readonly map: TraceMap | undefined }>(CACHE_BUDGET_CHARS);

  /** @returns undefined when there is no usable map; never throws */
  load(request: MapRequest): LoadedMap | undefined {
    const found = readMap(request);
    if (found === undefined) return undefined;
    const { text, location } = found;
    const key = createHash('sha256')
      .update(`${location ?? ''}\0`)
      .update(text)
      .digest('hex');
    let parsed = this.#parsed.get(key);
    if (parsed === undefined) {
      parsed = { map: parseMap(text, location) };
      this.#parsed.set(key, parsed, text.length);
    }
    const { map } = parsed;
    if (map === undefined) return undefined;
    return { sources: sourcesOf(map, location, request), trace: lazyTrace(map), size: text.length };
  }
}

function sourcesOf(map: TraceMap, location: string | undefined, { scriptPath, bases }: MapRequest): MappedSource[] {
  const root = bases.at(-1);
  const foreign =
    scriptPath === undefined || root === undefined ? undefined : new ForeignSources(realPathOrSame(scriptPath), root);
  return map.resolvedSources.map((resolved, index) => {
    const url = map.sources[index] ?? '';
    const content = map.sourcesContent?.[index] ?? undefined;
    if (url === '') return { index, url, path: undefined, content };
    const path = windowsPath(url) ?? plainPath(map.sourceRoot, url, location) ?? sourcePath(resolved, bases);
    const isElsewhere = path !== undefined && pathBelow(root ?? '/', path) === undefined && !isFile(path);
    const here = isElsewhere ? foreign?.find({ path, name: url.replaceAll('\\', '/'), content }) : undefined;
    return { index, url, path: here ?? path, content };
  });
}

/** Of a build on another system: no path here, but its end may be one. */
function windowsPath(url: string): string | undefined {
  return /^[a-z]:[\\/]/i.test(url) && !isAbsolute(url) ? `/${url.replaceAll('\\', '/')}` : undefined;
}

/** Decoding throws on broken mappings, and is a waste for the many maps of which only the sources matter. */
function lazyTrace(map: TraceMap): () => TraceMap | undefined {
  let usable: boolean | undefined;
  return () => {
    if (usable === undefined) {
      try {
        decodedMappings(map);
        usable = true;
      } catch {
        usable = false; // broken: shown as it runs
      }
    }
    return usable ? map : undefined;
  };
}

function readMap({ mapUrl, scriptPath }: MapRequest): { text: string; location: string | undefined } | undefined {
  if (mapUrl.length > MAX_MAP_CHARS) return undefined;
  const scriptUrl = scriptPath === undefined ? undefined : pathToFileURL(scriptPath).href;
  if (isInline(mapUrl)) {
    const text = decodeDataUrl(mapUrl);
    return text === undefined ? undefined : { text, location: scriptUrl };
  }
  try {
    const url = new URL(mapUrl, scriptUrl);
    if (url.protocol !== 'file:') return undefined;
    // tsc leaves these two as they are in a file's name.
    for (const { href } of [url, new URL(mapUrl.replace(/[?#]/g, encodeURIComponent), scriptUrl)]) {
      const text = readTextFile(fileURLToPath(href), MAX_MAP_CHARS);
      if (text !== undefined) return { text, location: href };
    }
    return undefined;
  } catch {
    return undefined; // not a URL, or one of another host: shown as it runs
  }
}

/** Whether the script carries its map in itself. */
export function isInline(mapUrl: string): boolean {
  return /^data:/i.test(mapUrl);
}

function decodeDataUrl(url: string): string | undefined {
  const comma = url.indexOf(',');
  if (comma === -1) return undefined;
  const payload = url.slice(comma + 1);
  if (/;base64\s*$/i.test(url.slice(0, comma))) return Buffer.from(payload, 'base64').toString('utf8');
  try {
    return decodeURIComponent(payload);
  } catch {
    return undefined; // a stray percent sign
  }
}

function parseMap(text: string, location: string | undefined): TraceMap | undefined {
  try {
    // What some compilers and editors put before JSON, and some servers.
    const map: unknown = JSON.parse(text.replace(/^\uFEFF?(?:\)\]\}[^\n]*\n?)?/, ''));
    if (typeof map !== 'object' || map === null) return undefined;
    if (!('mappings' in map) && !('sections' in map)) return undefined;
    return FlattenMap(map as SourceMapInput, location);
  } catch {
    return undefined; // broken map: shown as it runs
  }
}

/**
 * Sources are URLs, but only esbuild escapes them; tsc, tsx, rollup and swc write paths. Where the two differ the file
 * that is there tells which one is meant.
 */
function plainPath(root: string | undefined, source: string, location: string | undefined): string | undefined {
  const path = join(root ?? '', source);
  if (!/[%?#]/.test(path) || /^[a-z][a-z0-9+.-]+:/i.test(path)) return undefined;
  const found = resolve(location === undefined ? '/' : dirname(fileURLToPath(location)), path);
  return isFile(found) ? realPathOrSame(found) : undefined;
}

/**
 * @param url as the map resolves it: a file URL, an absolute path, or a bundler's invention such as
 * `webpack://shop/./src/cart.ts?1a2b`
 */
function sourcePath(url: string, bases: readonly string[]): string | undefined {
  if (/^file:/i.test(url)) {
    try {
      return realOrExpected(fileURLToPath(url));
    } catch {
      return undefined; // a file URL of another host
    }
  }
  if (isAbsolute(url)) return realOrExpected(url);
  const invented = inventedPath(url);
  const base = bases[0];
  if (invented === undefined || base === undefined) return undefined;
  const found = bases.map((folder) => join(folder, invented)).find(isFile);
  return realOrExpected(found ?? resolve(base, invented));
}

/** The project path inside a bundler's name: `webpack:///./a.ts`, `webpack://pkg/src/a.ts?x`, `turbopack:///[project]/a.ts`. */
export function inventedPath(url: string): string | undefined {
  const match = /^([a-z][a-z0-9+.-]*):\/\/([^/]*)\/(.*)$/i.exec(url);
  if (match === null) return /^[a-z][a-z0-9+.-]*:/i.test(url) ? undefined : stripped(url);
  if (/^https?$/i.test(match[1] ?? '')) return undefined;
  return stripped(match[3] ?? '');
}

function stripped(path: string): string | undefined {
  const plain = path
    .replace(/[?#].*$/, '')
    .replace(/^\/*(?:\([^)/]*\)\/)?(?:\[project\]\/)?(?:\.\/)*/, '')
    .replace(/^~\//, 'node_modules/');
  // What bundlers add themselves is in no file: `webpack/bootstrap`, `external "fs"`, `\0virtual`.
  const isReal = plain !== '' && !/^(webpack\/|external |ignored\|)/.test(plain) && !/[\0"|]/.test(plain);
  return isReal ? plain : undefined;
}

/** An original that is not shipped is named where it would be, below the real folder. */
function realOrExpected(path: string): string {
  const real = realPathOrSame(path);
  return real === path ? join(realPathOrSame(dirname(path)), basename(path)) : real;
}
