/**
 * Puts the code of probes into running scripts and takes it out again. A script's edits are made together: each new text
 * takes the place of the one before, and the last one is the script's own.
 */

import { SandboxError } from '#shared/errors.ts';
import { parseScript } from '../syntax.ts';
import { losesFunctions } from './changed-lines.ts';
import { hasFragileClass } from './fragile-class.ts';
import {
  type InjectedProbe,
  type Injection,
  type Insertion,
  injectionOf,
  type ParsedScript,
  withInsertions,
} from './injection.ts';
import type { KnownScripts } from './known-scripts.ts';
import { hashOfText } from './left-code.ts';
import type { RuntimeLink } from './runtime-link.ts';
import { analyseScopes } from './scope-analysis.ts';
import { LineIndex } from './shifted-lines.ts';

/** Longer ones take too long to parse and to compile while the program waits. */
const MAX_SCRIPT_LENGTH = 4_000_000;

/** A probe at a place of a script. */
export interface ScriptEdit {
  readonly key: string;
  readonly probe: InjectedProbe;
  readonly lineNumber: number;
  readonly columnNumber: number;
}

export type EditOutcome =
  | { readonly how: 'in'; readonly names: readonly string[]; readonly seesThrows: boolean }
  /** V8 cannot now: the function runs, or waits. */
  | { readonly how: 'blocked' }
  | { readonly how: 'impossible'; readonly reason: string };

type Possible = Extract<Injection, { insertions: unknown }>;

interface OpenScript extends ParsedScript {
  readonly index: LineIndex;
  /** What its text has in it now, by key. */
  readonly applied: Map<string, { readonly edit: ScriptEdit; readonly injection: Possible }>;
}

export class ScriptEdits {
  readonly #scripts: KnownScripts;
  readonly #runtime: RuntimeLink;
  readonly #open = new Map<string, OpenScript>();

  constructor(scripts: KnownScripts, runtime: RuntimeLink) {
    this.#scripts = scripts;
    this.#runtime = runtime;
  }

  /** Scripts with something in them. */
  get edited(): readonly string[] {
    return [...this.#open.keys()];
  }

  /** Takes out what a former daemon has left, as far as the program lets go of it. @returns scripts whose text changed */
  async clear(): Promise<string[]> {
    const changed: string[] = [];
    for (const [scriptId, { text }] of this.#scripts.left) {
      // V8 may have let go of it.
      const status = await this.#replace(scriptId, text).catch(unlessRefused);
      if (status.startsWith('Blocked')) continue;
      this.#scripts.dropLeft(scriptId);
      if (status === 'Ok') changed.push(scriptId);
      await this.#runtime.call('drop', scriptId);
    }
    return changed;
  }

  /**
   * Makes a script hold these and nothing else.
   *
   * @returns by key, and whether the text changed: then V8 has dropped every breakpoint in it
   */
  async apply(
    scriptId: string,
    wanted: readonly ScriptEdit[],
  ): Promise<{ outcomes: ReadonlyMap<string, EditOutcome>; changed: boolean; restored: boolean }> {
    const outcomes = new Map<string, EditOutcome>();
    if (this.#scripts.left.has(scriptId)) {
      for (const { key } of wanted) outcomes.set(key, { how: 'blocked' });
      return { outcomes, changed: false, restored: true };
    }
    const script = await this.#opened(scriptId);
    if (typeof script === 'string') {
      for (const { key } of wanted) outcomes.set(key, { how: 'impossible', reason: script });
      return { outcomes, changed: false, restored: true };
    }
    const possible = new Map<string, { edit: ScriptEdit; injection: Possible }>();
    const insertions: Insertion[] = [];
    for (const edit of wanted) {
      const known = script.applied.get(edit.key)?.injection;
      const offset = script.index.offsetOf(edit.lineNumber, edit.columnNumber);
      const injection = known ?? injectionOf(script, edit.probe, offset);
      if ('problem' in injection) outcomes.set(edit.key, { how: 'impossible', reason: injection.problem });
      else if (losesFunctions(script.text, script.root, [...insertions, ...injection.insertions])) {
        outcomes.set(edit.key, { how: 'impossible', reason: LONG_LINE });
      } else {
        possible.set(edit.key, { edit, injection });
        insertions.push(...injection.insertions);
      }
    }
    const before = [...script.applied.keys()].join();
    const changed = [...possible.keys()].join() !== before && (await this.#write(scriptId, script, possible, outcomes));
    for (const [key, { injection }] of possible) {
      if (outcomes.has(key)) continue;
      const isIn = script.applied.has(key);
      const { names, seesThrows } = injection;
      outcomes.set(key, isIn ? { how: 'in', names, seesThrows } : { how: 'blocked' });
    }
    if (script.applied.size === 0) this.#open.delete(scriptId);
    return { outcomes, changed, restored: script.applied.size === 0 };
  }

  /** All at once, else one by one: a function that runs must not keep the others waiting. */
  async #write(
    scriptId: string,
    script: OpenScript,
    wanted: ReadonlyMap<string, { edit: ScriptEdit; injection: Possible }>,
    outcomes: Map<string, EditOutcome>,
  ): Promise<boolean> {
    if (script.applied.size === 0 && wanted.size > 0) await this.#runtime.call('keep', scriptId, script.text);
    const all = await this.#setSource(scriptId, script, wanted);
    if (all === 'Ok') return true;
    let changed = false;
    const kept = new Map([...script.applied].filter(([key]) => wanted.has(key)));
    if (kept.size < script.applied.size) changed = (await this.#setSource(scriptId, script, kept)) === 'Ok';
    for (const [key, entry] of wanted) {
      if (script.applied.has(key) || wanted.size === 1) continue;
      const status = await this.#setSource(scriptId, script, new Map([...script.applied, [key, entry]]));
      if (status === 'Ok') changed = true;
      else if (status === 'CompileError') outcomes.set(key, { how: 'impossible', reason: NO_COMPILE });
    }
    const [only] = wanted.keys();
    if (wanted.size === 1 && only !== undefined && all === 'CompileError') {
      outcomes.set(only, { how: 'impossible', reason: NO_COMPILE });
    }
    return changed;
  }

  async #setSource(
    scriptId: string,
    script: OpenScript,
    entries: ReadonlyMap<string, { edit: ScriptEdit; injection: Possible }>,
  ): Promise<string> {
    const lists = [...entries.values()].map(({ injection }) => injection.insertions);
    const { text, insertions } = withInsertions(script.text, lists);
    // It goes aside when the next takes its place; whoever comes after a daemon that was killed is told of it as of a script.
    // Before it is in: its first hits must not overtake what they are called.
    if (entries.size > 0) await this.#runtime.call('aside', hashOfText(text));
    const status = await this.#replace(scriptId, text);
    if (status !== 'Ok') return status;
    const next = [...entries];
    script.applied.clear();
    for (const [key, entry] of next) script.applied.set(key, entry);
    this.#scripts.setEdited(scriptId, script.text, insertions);
    if (entries.size === 0) await this.#checkRestored(scriptId, script.text);
    return 'Ok';
  }

  async #replace(scriptId: string, scriptSource: string): Promise<string> {
    const { status } = await this.#scripts.running.send('Debugger.setScriptSource', { scriptId, scriptSource });
    return status ?? 'CompileError';
  }

  async #checkRestored(scriptId: string, text: string): Promise<void> {
    const { scriptSource } = await this.#scripts.running.send('Debugger.getScriptSource', { scriptId });
    if (scriptSource !== text) throw new SandboxError('INTERNAL', `Cannot restore the script ${scriptId}: it differs`);
    await this.#runtime.call('drop', scriptId);
  }

  /** @returns why not, where its text must not be changed */
  async #opened(scriptId: string): Promise<OpenScript | string> {
    const known = this.#open.get(scriptId);
    if (known !== undefined) return known;
    const { scriptSource: text } = await this.#scripts.send('Debugger.getScriptSource', { scriptId });
    const root = text.length > MAX_SCRIPT_LENGTH ? undefined : parseScript(text);
    if (root === undefined) return 'its script is too long, or is not understood';
    if (hasFragileClass(root)) return FRAGILE_CLASS;
    const script = { text, root, scopes: analyseScopes(root), index: new LineIndex(text), applied: new Map() };
    this.#open.set(scriptId, script);
    return script;
  }
}

function unlessRefused(error: unknown): string {
  if (error instanceof SandboxError && error.code === 'EVALUATION_FAILED') return error.message;
  throw error;
}

const FRAGILE_CLASS =
  'a function of its script makes a class with fields and no constructor, which V8 breaks where the script changes';
const LONG_LINE =
  'it shares a line of 800 characters or more with other functions, which V8 loses where such a line changes';
const NO_COMPILE = 'its code does not compile there';
