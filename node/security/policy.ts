/**
 * What policy makes of a right on one of this host's processes. Layers, the strongest first: the host's file for the
 * program, the host's file for the level, the sandbox's policy (control log), the defaults. Role and consent are the
 * bounds before it and are judged elsewhere.
 */

import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import {
  ACTIONS_OF,
  DEFAULT_RULES,
  higherLevel,
  isPolicyRight,
  judgeAction,
  judgeRight,
  type Level,
  type LevelRules,
  levelRulesSchema,
  type PolicyRight,
  type PolicyRules,
  type RuleName,
  type Verdict,
} from '#shared/model/policy.ts';
import type { Target } from '#shared/model/target.ts';
import type { ControlView } from '../network/replication/replica-interface.ts';
import type { HostPolicy } from './host-policy.ts';

/** Who wrote the rule that decided. */
export const POLICY_SOURCES = ['host (this program)', 'host', 'sandbox', 'default'] as const;
export type PolicySource = (typeof POLICY_SOURCES)[number];

export interface PolicyVerdict {
  readonly verdict: Verdict;
  readonly level: Level;
  readonly source: PolicySource;
}

/** What is judged: the target's own level is the one its NODE_ENV asks for. */
export type PolicySubject = Pick<Target, 'name' | 'level'>;

export class SandboxPolicy {
  readonly #host: HostPolicy;
  readonly #control: () => ControlView;
  readonly #self: MemberId;

  /** @param control the control log as it stands at each use */
  constructor(host: HostPolicy, control: () => ControlView, self: MemberId) {
    this.#host = host;
    this.#control = control;
    this.#self = self;
  }

  /** @throws {SandboxError} CONFIG_INVALID for a damaged file, as everything here */
  levelOf(target: PolicySubject): Level {
    const { programs } = this.#host.rules();
    const chosen = Object.hasOwn(programs, target.name) ? programs[target.name]?.level : undefined;
    return higherLevel(target.level, chosen ?? 'development');
  }

  /**
   * A denial binds everybody, the host's own person included: its file is how it decides otherwise. Reading one's own
   * process is nobody else's resource, and asking oneself is no question.
   */
  judge(right: PolicyRight, member: MemberId, target: PolicySubject): PolicyVerdict {
    const { verdict, level, source } = this.rule(right, target);
    const own = member === this.#self;
    const isOwnLook = own && ACTIONS_OF[right].every((action) => action === 'resource_access');
    const softened = isOwnLook && ACTIONS_OF[right].length > 0 ? 'allow' : own && verdict === 'ask' ? 'audit' : verdict;
    return { verdict: softened, level, source };
  }

  /** What the rules say, whoever asks. */
  rule(rule: RuleName, target: PolicySubject): PolicyVerdict {
    const level = this.levelOf(target);
    const layers = this.#layers(target, level);
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
    return this.permits('evaluate', member, target) && this.mayHaveEffects(target);
  }

  #layers(target: PolicySubject, level: Level): PolicyRules[] {
    const host = this.#host.rules();
    const program = Object.hasOwn(host.programs, target.name) ? host.programs[target.name]?.rules : undefined;
    return [program ?? {}, host.levels[level] ?? {}, sandboxRules(this.#control())[level] ?? {}];
  }
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
