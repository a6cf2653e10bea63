/**
 * The host's own policy file, which has the last word on this machine's processes: rules per level, and per program
 * rules and a level. A person may edit it; a file that makes no sense denies everything rather than allow anything.
 */

import { statSync } from 'node:fs';
import { z } from 'zod';
import { Emitter } from '#shared/emitter.ts';
import { SandboxError } from '#shared/errors.ts';
import { LEVELS, type Level, type RuleName, type Verdict } from '#shared/model/policy.ts';
import { levelRulesSchema, policyRulesSchema } from '#shared/model/policy-schemas.ts';
import { readJsonFile, writeFileAtomic } from '../storage/atomic-file.ts';

const hostPolicySchema = z.strictObject({
  version: z.literal(1),
  levels: levelRulesSchema.default({}),
  /** By name, across runs of the program. */
  programs: z
    .record(
      z.string().max(80),
      z.strictObject({ level: z.enum(LEVELS).optional(), rules: policyRulesSchema.default({}) }),
    )
    .default({}),
});
export type HostRules = z.infer<typeof hostPolicySchema>;

/** What a rule is about: every program of a level, or one program. */
export type RuleScope = { readonly level: Level } | { readonly program: string };

/** What the file held, or why it holds nothing that makes sense: then nothing is allowed, by what is armed too. */
interface FileRead {
  readonly stamp: string;
  readonly rules: HostRules | SandboxError;
}

/** One stat of a small file. */
const LOOK_EVERY_MS = 1_000;

const NO_RULES: HostRules = { version: 1, levels: {}, programs: {} };

export class HostPolicy {
  readonly #file: string;
  #read: FileRead | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** The file was looked at in this turn of the loop: a command asks several times. */
  #isFresh = false;
  /** Rules may be others than before: what they let take effect must be looked at again. */
  readonly events = new Emitter<{ changed: undefined }>();

  /** @param file may be absent */
  constructor(file: string) {
    this.#file = file;
  }

  get file(): string {
    return this.#file;
  }

  /**
   * As the file stood when this turn of the loop first asked: an edit by hand holds from the next turn on.
   *
   * @throws {SandboxError} CONFIG_INVALID
   */
  rules(): HostRules {
    const read = this.#isFresh && this.#read !== undefined ? this.#read : this.#look();
    if (read.rules instanceof SandboxError) throw read.rules;
    return read.rules;
  }

  /** Looks for edits by hand while no command does: what is armed by a right is not to outlive it. */
  start(): void {
    this.#timer ??= setInterval(() => this.look(), LOOK_EVERY_MS).unref();
  }

  /** Safe to call twice. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Tells by `changed` of an edit since the rules were last asked for. */
  look(): void {
    // Nobody has asked yet: nothing is armed by them.
    if (this.#read !== undefined) this.#look();
  }

  /** @param verdict undefined takes the rule back. @throws {SandboxError} CONFIG_INVALID, HOME_UNWRITABLE */
  setRule(scope: RuleScope, name: RuleName, verdict: Verdict | undefined): void {
    const rules = structuredClone(this.rules());
    const place = 'level' in scope ? levelPlace(rules, scope.level) : programPlace(rules, scope.program).rules;
    if (verdict === undefined) delete place[name];
    else place[name] = verdict;
    this.#store(rules);
  }

  /** @param level undefined: only what NODE_ENV says. @throws {SandboxError} CONFIG_INVALID, HOME_UNWRITABLE */
  setLevel(program: string, level: Level | undefined): void {
    const rules = structuredClone(this.rules());
    const place = programPlace(rules, program);
    if (level === undefined) delete place.level;
    else place.level = level;
    this.#store(rules);
  }

  #look(): FileRead {
    const stamp = this.#stamp();
    const before = this.#read;
    const read = before?.stamp === stamp ? before : { stamp, rules: this.#load() };
    this.#read = read;
    if (before !== undefined && read !== before) queueMicrotask(() => this.events.emit('changed', undefined));
    this.#isFresh = true;
    setImmediate(() => {
      this.#isFresh = false;
    });
    return read;
  }

  #store(rules: HostRules): void {
    writeFileAtomic(this.#file, `${JSON.stringify(rules, null, 2)}\n`);
    this.#read = { stamp: this.#stamp(), rules };
    this.events.emit('changed', undefined);
  }

  /** Changes whenever the file does. */
  #stamp(): string {
    try {
      const stats = statSync(this.#file, { throwIfNoEntry: false });
      return stats === undefined ? 'none' : `${stats.ino} ${stats.mtimeMs} ${stats.size}`;
    } catch {
      // Reading it says why.
      return 'out of reach';
    }
  }

  #load(): HostRules | SandboxError {
    let stored: unknown;
    try {
      stored = readJsonFile(this.#file);
    } catch (cause) {
      return this.#invalid(SandboxError.from(cause).message, cause);
    }
    if (stored === undefined) return NO_RULES;
    const parsed = hostPolicySchema.safeParse(stored);
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    return this.#invalid(`${issue?.path.join('.') || 'it'}: ${issue?.message ?? 'invalid'}`, parsed.error);
  }

  #invalid(why: string, cause: unknown): SandboxError {
    return new SandboxError('CONFIG_INVALID', `Cannot use the policy file "${this.#file}": ${why}`, {
      hint: 'Mend it, or move it away to start from the defaults; until then nothing it governs is allowed.',
      cause,
    });
  }
}

function levelPlace(rules: HostRules, level: Level): NonNullable<HostRules['levels'][Level]> {
  rules.levels[level] ??= {};
  return rules.levels[level];
}

function programPlace(rules: HostRules, program: string): HostRules['programs'][string] {
  const place = Object.hasOwn(rules.programs, program) ? rules.programs[program] : undefined;
  if (place !== undefined) return place;
  const made = { rules: {} };
  rules.programs[program] = made;
  return made;
}
