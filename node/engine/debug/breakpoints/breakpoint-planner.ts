/**
 * Where wanted breakpoints belong in the scripts that one target has loaded, and which scripts yet to come matter to some
 * of them. Asks; arms nothing.
 */

import type { Protocol } from 'devtools-protocol';
import type { BreakpointId } from '#shared/ids.ts';
import { isProbe } from '#shared/model/breakpoint.ts';
import { isSameFile, type SourceFile } from '#shared/model/source-file.ts';
import type { AdapterTraits } from '../../../targets/attached-process.ts';
import type { GeneratedPosition, ScriptRegistry } from '../../source/script-registry-interface.ts';
import type { KnownScripts } from '../probes/known-scripts.ts';
import { escapeRegex, INTERNAL_SCRIPTS, packageScripts, projectScripts } from '../script-urls.ts';
import {
  type BreakpointPlan,
  type LoadedScript,
  planFunction,
  planLine,
  planScript,
  refused,
} from './breakpoint-plan.ts';
import type { DesiredBreakpoint } from './breakpoint-records.ts';
import { scriptMatcher } from './url-pattern.ts';

export interface PlannerOptions {
  readonly cdp: KnownScripts;
  readonly registry: ScriptRegistry;
  /** Folder of the user's own scripts; undefined: anywhere outside packages. */
  readonly root: string | undefined;
  readonly adapter?: AdapterTraits | undefined;
  pathOf?(file: SourceFile): string | undefined;
  /** The enabled ones. */
  desired(): readonly DesiredBreakpoint[];
}

export class BreakpointPlanner {
  readonly #options: PlannerOptions;
  readonly #internal = new RegExp(INTERNAL_SCRIPTS);
  readonly #scripts = new Map<string, LoadedScript>();
  readonly #plans = new Map<BreakpointId, { key: string; plan: BreakpointPlan }>();
  /** Armed, but their file was loaded once more since. */
  readonly #outdated = new Set<BreakpointId>();

  constructor(options: PlannerOptions) {
    this.#options = options;
  }

  /** Where V8 stops for a breakpoint now; empty when it is not armed. */
  placesOf(id: BreakpointId): readonly GeneratedPosition[] {
    return this.#plans.get(id)?.plan.places ?? [];
  }

  /** @returns whether some function or script breakpoint may have a place in it; {@link concern} tells of lines */
  addScript({ scriptId, url, length = 0 }: Protocol.Debugger.ScriptParsedEvent): boolean {
    this.#scripts.set(scriptId, { scriptId, url, length });
    return (this.#wantsFunctions() && !this.#internal.test(url)) || this.#wantsScript(url);
  }

  /** @returns empty for an evaluation, and for our own scripts */
  urlOf(scriptId: string): string {
    return this.#scripts.get(scriptId)?.url ?? '';
  }

  /** Whether a script that is about to run may hold a function or a place that is wanted. */
  wantsStart(url: string): boolean {
    return this.#wantsFunctions() || this.#wantsScript(url);
  }

  /** @param obstacle why it has no place whatever is loaded */
  async plan(breakpoint: DesiredBreakpoint, obstacle: string | undefined): Promise<BreakpointPlan> {
    const { id, where } = breakpoint.record;
    const plan = obstacle === undefined ? await this.#locate(breakpoint) : refused(obstacle);
    this.#plans.set(id, { key: JSON.stringify(where), plan });
    return plan;
  }

  /** Forgets the others. */
  keep(alive: ReadonlySet<BreakpointId>): void {
    for (const id of [...this.#plans.keys()]) if (!alive.has(id)) this.#plans.delete(id);
  }

  async #locate({ record }: DesiredBreakpoint): Promise<BreakpointPlan> {
    const { where } = record;
    if (where.kind === 'exception') return { state: 'armed', places: [], reason: undefined };
    const { cdp, registry, adapter } = this.#options;
    const known = this.#plans.get(record.id);
    const isNews = this.#outdated.delete(record.id);
    const isKnown = known?.plan.state === 'armed' && known.key === JSON.stringify(where) && !isNews;
    // Armed places stay good: V8 drops a script's breakpoints only with the script. A probe's code would hide them.
    if (isKnown && (where.kind === 'line' || isProbe(record))) return known.plan;
    if (where.kind === 'function') {
      const wanted = { name: where.name, forCalls: record.kind === 'trace' };
      return planFunction(cdp, registry, wanted, this.#scripts.values());
    }
    if (where.kind === 'script') return planScript(cdp, registry, where, this.#scripts.values());
    if (adapter !== undefined) await this.#loadSource(where.file, adapter);
    return planLine(registry, where);
  }

  /** A file that is yet to load can be armed in: its adapter keeps the breakpoint until then. */
  async #loadSource(file: SourceFile, adapter: AdapterTraits): Promise<void> {
    const { registry, pathOf } = this.#options;
    if (await registry.has(file)) return;
    const path = pathOf?.(file);
    if (path !== undefined) adapter.loadSource(path);
  }

  #wantsFunctions(): boolean {
    return this.#options.desired().some(({ record }) => record.where.kind === 'function');
  }

  #wantsScript(url: string): boolean {
    return this.#options
      .desired()
      .some(({ record: { where } }) => where.kind === 'script' && scriptMatcher(where)?.matches(url));
  }

  /**
   * Whether a script with these files is news to some breakpoint: it waits for one of them, or is armed in the script
   * that the file was before. Reloading brings the same file again, and Node reads a CommonJS main module twice when
   * `--import` is given: what it parses first never runs.
   */
  concern(files: readonly SourceFile[]): boolean {
    let concerned = false;
    for (const { record } of this.#options.desired()) {
      const { id, where } = record;
      if (where.kind !== 'line' || !files.some((file) => isSameFile(file, where.file))) continue;
      this.#outdated.add(id);
      concerned = true;
    }
    return concerned;
  }

  /** Scripts in which lines are armed: what is loaded anew under their name is stopped at its start, too. */
  #armedUrls(): ReadonlySet<string> {
    const urls = new Set<string>();
    for (const { record } of this.#options.desired()) {
      if (record.where.kind !== 'line') continue;
      for (const { scriptId } of this.placesOf(record.id)) urls.add(this.urlOf(scriptId));
    }
    urls.delete('');
    return urls;
  }

  #pendingLines(): Extract<DesiredBreakpoint['record']['where'], { kind: 'line' }>[] {
    return this.#options.desired().flatMap(({ record: { id, where } }) => {
      const isPending = where.kind === 'line' && (this.#plans.get(id)?.plan.state ?? 'pending') === 'pending';
      return isPending ? [where] : [];
    });
  }

  /** URL patterns of the scripts in which something pending may turn up. */
  patterns(): ReadonlySet<string> {
    const patterns = new Set<string>();
    for (const { file } of this.#pendingLines()) {
      if (file.package === 'node') continue;
      patterns.add(file.package === undefined ? projectScripts(this.#options.root) : packageScripts(file.package));
    }
    if (this.#wantsFunctions()) patterns.add(projectScripts(this.#options.root));
    for (const { record } of this.#options.desired()) {
      const matcher = record.where.kind === 'script' ? scriptMatcher(record.where) : undefined;
      if (matcher !== undefined) patterns.add(matcher.source);
    }
    for (const url of this.#armedUrls()) patterns.add(`^${escapeRegex(url)}$`);
    return patterns;
  }
}
