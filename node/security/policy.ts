/**
 * What policy makes of a right on one of this host's processes. Layers, the strongest first: the host's file for the
 * program, the host's file for the level, the sandbox's policy (control log), the defaults. Role and consent are the
 * bounds before it and are judged elsewhere.
 */

import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import {
  DEFAULT_RULES,
  higherLevel,
  isPolicyRight,
  judgeAction,
  judgeRight,
  type Level,
  type LevelRules,
  type PolicyRight,
  type PolicyRules,
  type RuleName,
  type Verdict,
} from '#shared/model/policy.ts';
import { levelRulesSchema } from '#shared/model/policy-schemas.ts';
import type { Target } from '#shared/model/target.ts';
import { type Right, roleHolds } from '#shared/rights.ts';
import type { ControlView } from '../network/replication/replica-interface.ts';
import type { Consents } from './consent.ts';
import type { HostPolicy, HostRules } from './host-policy.ts';

/** Who wrote the rule that decided. */
export const POLICY_SOURCES = ['program', 'host', 'sandbox', 'default'] as const;
export type PolicySource = (typeof POLICY_SOURCES)[number];

export interface PolicyVerdict {
  readonly verdict: Verdict;
  readonly level: Level;
  readonly source: PolicySource;
}

/** What is judged: the target's own level is the one its NODE_ENV asks for. */
export type PolicySubject = Pick<Target, 'name' | 'level'>;

export interface SandboxPolicyParts {
  readonly host: HostPolicy;
  /** As it stands at each use. */
  readonly control: () => ControlView;
  readonly self: MemberId;
  readonly consents: Pick<Consents, 'answer'>;
}

export class SandboxPolicy {
  readonly #parts: SandboxPolicyParts;
  /** Rights lent for the time of one command, with how many commands lend them. */
  readonly #lent = new Map<string, number>();

  constructor(parts: SandboxPolicyParts) {
    this.#parts = parts;
  }

  /** @throws {SandboxError} CONFIG_INVALID for a damaged file, as everything here */
  levelOf(target: PolicySubject): Level {
    return levelUnder(this.#parts.host.rules(), target);
  }

  /**
   * A denial binds everybody, the host's own person included: its file is how it decides otherwise. Looking into one's
   * own process is nobody else's resource, and asking oneself is no question.
   */
  judge(right: PolicyRight, member: MemberId, target: PolicySubject): PolicyVerdict {
    const judged = this.rule(right, target);
    const isLook = right === 'view' || right === 'profile';
    if (member === this.#parts.self) {
      if (isLook) return { ...judged, verdict: 'allow' };
      return judged.verdict === 'ask' ? { ...judged, verdict: 'audit' } : judged;
    }
    const isRefused = judged.verdict === 'ask' || judged.verdict === 'deny';
    if (right === 'view' && isRefused && this.#mayRunCode(member, target)) return { ...judged, verdict: 'audit' };
    return judged;
  }

  /**
   * Lends what one command needs that the host's person has just allowed.
   *
   * @returns takes it back; to be called once
   */
  lend(member: MemberId, right: Right, target: PolicySubject): () => void {
    // A variable is set to what an expression gives: the person saw which.
    const rights: readonly Right[] = right === 'state-write' ? [right, 'evaluate'] : [right];
    const count = (by: 1 | -1): void => {
      for (const each of rights) {
        const key = lentKey(member, each, target);
        const left = (this.#lent.get(key) ?? 0) + by;
        if (left === 0) this.#lent.delete(key);
        else this.#lent.set(key, left);
      }
    };
    count(1);
    return () => count(-1);
  }

  isLent(member: MemberId, right: Right, target: PolicySubject): boolean {
    return this.#lent.has(lentKey(member, right, target));
  }

  /** What the rules say, whoever asks. */
  rule(rule: RuleName, target: PolicySubject): PolicyVerdict {
    const host = this.#parts.host.rules();
    const level = levelUnder(host, target);
    const layers = this.#layers(host, target, level);
    const { verdict, layer } = isPolicyRight(rule) ? judgeRight(rule, level, layers) : judgeAction(rule, level, layers);
    return { verdict, level, source: POLICY_SOURCES[layer] ?? 'default' };
  }

  /** Whether code that a member runs there may change what it finds: else V8 stops it at its first side effect. */
  mayHaveEffects(target: PolicySubject): boolean {
    const { verdict } = this.rule('state_modification', target);
    return verdict === 'allow' || verdict === 'audit';
  }

  /**
   * Whether a standing right may take effect without anybody being asked at that moment: what probes and streams need.
   * `ask` is a yes only where consent, once given, stands for it.
   */
  permits(right: string, member: MemberId, target: PolicySubject): boolean {
    if (!isPolicyRight(right)) return true;
    try {
      return this.judge(right, member, target).verdict !== 'deny';
    } catch (error) {
      // A policy file that cannot be read allows nothing; whoever runs a command is told so.
      if (error instanceof SandboxError) return false;
      throw error;
    }
  }

  /** Whether conditions and logpoints of a member may run there: V8 has no way to keep them from changing things. */
  permitsProbes(member: MemberId, target: PolicySubject): boolean {
    if (!this.permits('evaluate', member, target) || !this.#mayHaveEffectsNow(target)) return false;
    return member === this.#parts.self || this.#hasConsent(member, 'evaluate', target);
  }

  #mayHaveEffectsNow(target: PolicySubject): boolean {
    try {
      return this.mayHaveEffects(target);
    } catch (error) {
      if (error instanceof SandboxError) return false;
      throw error;
    }
  }

  /** Whoever may run code there can look at everything anyway, and is not kept from doing it the plain way. */
  #mayRunCode(member: MemberId, target: PolicySubject): boolean {
    const record = this.#parts.control().members.get(member);
    if (record === undefined || record.removed || !roleHolds(record.role, 'evaluate')) return false;
    const { verdict } = this.rule('evaluate', target);
    return verdict !== 'deny' && verdict !== 'ask' && this.#hasConsent(member, 'evaluate', target);
  }

  #hasConsent(member: MemberId, right: Right, target: PolicySubject): boolean {
    return this.#parts.consents.answer({ member, program: target.name, right }) === 'allow';
  }

  #layers(host: HostRules, target: PolicySubject, level: Level): PolicyRules[] {
    const program = Object.hasOwn(host.programs, target.name) ? host.programs[target.name]?.rules : undefined;
    return [program ?? {}, host.levels[level] ?? {}, sandboxRules(this.#parts.control())[level] ?? {}];
  }
}

function levelUnder({ programs }: HostRules, target: PolicySubject): Level {
  const chosen = Object.hasOwn(programs, target.name) ? programs[target.name]?.level : undefined;
  return higherLevel(target.level, chosen ?? 'development');
}

function lentKey(member: MemberId, right: Right, target: PolicySubject): string {
  return `${member} ${right} ${target.name}`;
}

/** The latest policy entry of the control log; names this version does not know are left out. */
function sandboxRules(control: ControlView): LevelRules {
  const { policy } = control;
  if (policy === undefined) return {};
  const known: Record<string, Record<string, string>> = {};
  for (const [level, rules] of Object.entries(policy)) {
    if (!Object.hasOwn(DEFAULT_RULES, level)) continue;
    known[level] = Object.fromEntries(Object.entries(rules).filter(([name]) => isRuleName(name)));
  }
  const parsed = levelRulesSchema.safeParse(known);
  return parsed.success ? parsed.data : {};
}

function isRuleName(name: string): boolean {
  return isPolicyRight(name) || Object.hasOwn(DEFAULT_RULES.development, name);
}
