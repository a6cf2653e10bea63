/**
 * Policies: what a level of care (development, staging, production) makes of each right that reaches into a process.
 * Four actions, as the specification names them, group the rights; a rule may name an action or one right. Pure: which
 * layers there are and who may write them is the daemon's business.
 */

import type { Right } from '../rights.ts';

/** From the least to the most careful. */
export const LEVELS = ['development', 'staging', 'production'] as const;
export type Level = (typeof LEVELS)[number];

/** From the mildest to the strictest. `ask`: the host's person is asked every time, and no answer is a no. */
export const VERDICTS = ['allow', 'audit', 'ask', 'deny'] as const;
export type Verdict = (typeof VERDICTS)[number];

export const POLICY_ACTIONS = ['code_execution', 'state_modification', 'resource_access', 'network_access'] as const;
export type PolicyAction = (typeof POLICY_ACTIONS)[number];

/** Rights that reach into a process: the others are judged by role alone. */
export const POLICY_RIGHTS = [
  'view',
  'breakpoint',
  'control',
  'profile',
  'evaluate',
  'patch',
  'experiment',
  'state-write',
] as const satisfies readonly Right[];
export type PolicyRight = (typeof POLICY_RIGHTS)[number];

/**
 * Which actions a right is. `network_access` is none of today's rights: nothing in sandmesh opens a connection to or
 * from a target on a member's behalf, and the allow-list passes no network call on.
 */
export const ACTIONS_OF: Readonly<Record<PolicyRight, readonly PolicyAction[]>> = {
  view: ['resource_access'],
  breakpoint: [],
  control: [],
  profile: ['resource_access'],
  evaluate: ['code_execution'],
  patch: ['code_execution', 'state_modification'],
  experiment: ['code_execution'],
  'state-write': ['state_modification'],
};

export const RULE_NAMES = [...POLICY_ACTIONS, ...POLICY_RIGHTS] as const;
export type RuleName = (typeof RULE_NAMES)[number];

export type PolicyRules = Partial<Record<RuleName, Verdict>>;
/** Level → rules. */
export type LevelRules = Partial<Record<Level, PolicyRules>>;

export const DEFAULT_RULES: Readonly<Record<Level, Readonly<Record<PolicyAction, Verdict>>>> = {
  development: {
    code_execution: 'allow',
    state_modification: 'allow',
    resource_access: 'audit',
    network_access: 'deny',
  },
  staging: { code_execution: 'audit', state_modification: 'ask', resource_access: 'audit', network_access: 'deny' },
  production: { code_execution: 'audit', state_modification: 'deny', resource_access: 'deny', network_access: 'deny' },
};

export function isPolicyRight(right: string): right is PolicyRight {
  return (POLICY_RIGHTS as readonly string[]).includes(right);
}

/** The more careful of two levels: `NODE_ENV=production` raises what a person chose, never the other way. */
export function higherLevel(a: Level, b: Level): Level {
  return LEVELS.indexOf(a) >= LEVELS.indexOf(b) ? a : b;
}

export interface Judgement {
  readonly verdict: Verdict;
  /** Index of the layer that decided; `layers.length` for the defaults. */
  readonly layer: number;
}

/**
 * @param layers the strongest first; within one, a rule for the right itself beats one for its actions
 */
export function judgeRight(right: PolicyRight, level: Level, layers: readonly PolicyRules[]): Judgement {
  const open = new Set(ACTIONS_OF[right]);
  const found: Judgement[] = [];
  for (const [layer, rules] of [...layers, DEFAULT_RULES[level] as PolicyRules].entries()) {
    const own = rules[right];
    if (own !== undefined) return strictest([...found, { verdict: own, layer }]);
    for (const action of [...open]) {
      const verdict = rules[action];
      if (verdict === undefined) continue;
      open.delete(action);
      found.push({ verdict, layer });
    }
    if (open.size === 0 && found.length > 0) return strictest(found);
  }
  return strictest([...found, { verdict: 'allow', layer: layers.length }]);
}

export function judgeAction(action: PolicyAction, level: Level, layers: readonly PolicyRules[]): Judgement {
  for (const [layer, rules] of layers.entries()) {
    const verdict = rules[action];
    if (verdict !== undefined) return { verdict, layer };
  }
  return { verdict: DEFAULT_RULES[level][action], layer: layers.length };
}

function strictest(found: readonly Judgement[]): Judgement {
  return found.reduce((a, b) => (VERDICTS.indexOf(b.verdict) > VERDICTS.indexOf(a.verdict) ? b : a));
}
