/**
 * What a run will try, drawn from its seed before it begins. Each step draws its own luck later, from the seed and its
 * number: a run can be repeated with some of its steps left out, which is how a failing one is made small.
 */

import type { Role } from '#shared/rights.ts';
import type { Random } from './random.ts';

export const STEP_KINDS = [
  'edit',
  'crime',
  'kill',
  'kill-soon',
  'cut-power',
  'stop',
  'cut-link',
  'silence-link',
  'partition',
  'jump-clock',
  'back-up',
  'restore',
  'rot',
  'copy-home',
  'change-role',
  'remove',
  'admit',
  'work-unseen',
  'checkpoint',
  'delegate',
  'recover',
  'two-faces',
  'spoil-twice',
  'fill-disk',
] as const;
export type StepKind = (typeof STEP_KINDS)[number];

export interface Step {
  readonly index: number;
  readonly atMs: number;
  readonly kind: StepKind;
}

export interface Plan {
  /** Of the honest members beside the owner. */
  readonly members: readonly Role[];
  readonly rogues: readonly Role[];
  readonly steps: readonly Step[];
  readonly durationMs: number;
}

/** How often, among a hundred or so; each run leaves some kinds out altogether, and one comes in droves. */
const WEIGHTS: Readonly<Record<StepKind, number>> = {
  edit: 50,
  crime: 22,
  kill: 3,
  'kill-soon': 3,
  'cut-power': 4,
  stop: 2,
  'cut-link': 6,
  'silence-link': 2,
  partition: 3,
  'jump-clock': 1,
  'back-up': 2,
  restore: 2,
  rot: 1,
  'copy-home': 2,
  'change-role': 3,
  remove: 2,
  admit: 2,
  'work-unseen': 7,
  checkpoint: 3,
  delegate: 5,
  recover: 1,
  'two-faces': 2,
  'spoil-twice': 2,
  'fill-disk': 3,
};
/** How much more often than usual the kind comes that a run favours. */
const FAVOUR = 5;
/** They take so much of a run that they come only where they are favoured, or came when the seeds of others were known. */
export const ASKED_FOR: readonly StepKind[] = ['two-faces', 'spoil-twice', 'fill-disk'];
const ALWAYS: readonly StepKind[] = ['edit', 'crime', 'cut-link', 'work-unseen'];

/** Draws the plan of a run. @param favour the kind that comes in droves; any by default */
export function drawPlan(random: Random, favour?: StepKind): Plan {
  const members: Role[] = ['editor'];
  for (let i = random.below(3); i > 0; i--)
    members.push(random.pick(['editor', 'editor', 'debugger', 'commenter', 'viewer']));
  const rogues: Role[] = [];
  for (let i = random.pick([0, 1, 1, 2, 2]); i > 0; i--)
    rogues.push(random.pick(['editor', 'editor', 'debugger', 'viewer']));
  const usual = STEP_KINDS.filter((kind) => !ASKED_FOR.includes(kind) || kind === favour);
  const kinds = usual.filter((kind) => ALWAYS.includes(kind) || kind === favour || random.chance(0.7));
  const favourite = favour ?? random.pick(kinds);
  const durationMs = random.between(8_000, 40_000);
  const count = 40 + random.below(80);
  const times = Array.from({ length: count }, () => random.between(0, durationMs)).sort((a, b) => a - b);
  const steps = times.map((atMs, index) => ({ index, atMs, kind: pickKind(kinds, favourite, random) }));
  return { members, rogues, steps, durationMs };
}

function pickKind(kinds: readonly StepKind[], favourite: StepKind, random: Random): StepKind {
  const weights = kinds.map((kind) => WEIGHTS[kind] * (kind === favourite ? FAVOUR : 1));
  let rest = random.unit() * weights.reduce((sum, weight) => sum + weight, 0);
  for (const [i, kind] of kinds.entries()) {
    rest -= weights[i] as number;
    if (rest < 0) return kind;
  }
  return 'edit';
}
