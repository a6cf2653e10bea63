/** Handlers of `policy.*`: what holds on this host, and changing it. */

import type { CommandResult } from '#protocol/catalogue/catalogue.ts';
import { SandboxError } from '#shared/errors.ts';
import {
  ACTIONS_OF,
  LEVELS,
  type Level,
  POLICY_ACTIONS,
  POLICY_RIGHTS,
  type PolicyAction,
  type RuleName,
  type Verdict,
} from '#shared/model/policy.ts';
import type { Handler } from '../pipeline/context.ts';
import type { SandboxHandlers } from '../pipeline/pipeline.ts';
import type { HostedSandbox } from '../sandbox/hosted-sandbox.ts';
import type { HostPolicy } from './host-policy.ts';

type EffectiveRule = CommandResult<'policy.show'>['levels'][Level][number];

export function policyHandlers(host: HostPolicy): SandboxHandlers {
  const show: Handler<'policy.show', HostedSandbox> = async ({ program }, { sandbox }) => {
    const rows = (level: Level) => effectiveRules(sandbox, level, program ?? '');
    const own = sandbox.targetChoices().filter(({ target }) => target.host === sandbox.replica.self);
    return {
      file: host.file,
      ...(program === undefined ? {} : { program }),
      levels: Object.fromEntries(LEVELS.map((level) => [level, rows(level)])) as Record<Level, EffectiveRule[]>,
      targets: own.map(({ target }) => ({
        target: target.id,
        program: target.name,
        level: sandbox.policy.levelOf(target),
      })),
    };
  };
  const set: Handler<'policy.set', HostedSandbox> = async ({ rule, verdict, level, program, shared }, { sandbox }) => {
    const chosen = verdict === 'default' ? undefined : verdict;
    if ((level === undefined) === (program === undefined)) {
      throw new SandboxError('BAD_ARGUMENT', 'Cannot set a policy rule: give a level or a program, not both', {
        hint: 'For example: sandmesh policy set production code_execution deny.',
      });
    }
    if (shared === true) {
      if (level === undefined) throw onlyLevels();
      await setShared(sandbox, level, rule, chosen);
      return { rule, verdict, where: `${level}, for every host of the sandbox` };
    }
    if (level !== undefined) host.setRule({ level }, rule, chosen);
    else if (program !== undefined) host.setRule({ program }, rule, chosen);
    const missed = program === undefined || verdict === 'default' ? {} : unlessHere(sandbox, program);
    return { rule, verdict, where: `${level ?? program}, on this host`, ...missed };
  };
  const setLevel: Handler<'policy.level', HostedSandbox> = async ({ program, level }, { sandbox }) => {
    host.setLevel(program, level === 'default' ? undefined : level);
    return { program, level, ...(level === 'default' ? {} : unlessHere(sandbox, program)) };
  };
  return { 'policy.show': show, 'policy.set': set, 'policy.level': setLevel };
}

/** A rule for a name with a slip of the pen would guard nothing: whoever sets it is told which programs there are. */
function unlessHere(sandbox: HostedSandbox, program: string): { programsHere?: string[] } {
  const own = sandbox.targetChoices().filter(({ target }) => target.host === sandbox.replica.self);
  const names = new Set(own.map(({ target }) => target.name));
  return names.has(program) ? {} : { programsHere: [...names] };
}

function effectiveRules(sandbox: HostedSandbox, level: Level, program: string): EffectiveRule[] {
  const subject = { name: program, level };
  const actions = POLICY_ACTIONS.map((rule) => {
    const { verdict, source } = sandbox.policy.rule(rule, subject);
    return { rule, verdict, source, covers: POLICY_RIGHTS.filter((right) => covers(rule, right)) };
  });
  const rights = POLICY_RIGHTS.map((rule) => ({ rule, ...pick(sandbox.policy.rule(rule, subject)) }));
  return [...actions, ...rights];
}

function covers(action: PolicyAction, right: (typeof POLICY_RIGHTS)[number]): boolean {
  return ACTIONS_OF[right].includes(action);
}

function pick({
  verdict,
  source,
}: Pick<EffectiveRule, 'verdict' | 'source'>): Pick<EffectiveRule, 'verdict' | 'source'> {
  return { verdict, source };
}

async function setShared(
  { replica }: HostedSandbox,
  level: Level,
  rule: RuleName,
  verdict: Verdict | undefined,
): Promise<void> {
  const { authority } = replica;
  if (authority?.setPolicy === undefined) {
    throw new SandboxError('FORBIDDEN', 'Cannot set the policy of the sandbox: only its owner may', {
      hint: 'Without --shared the rule is set for your own processes.',
    });
  }
  const before = replica.control.policy ?? {};
  const { [rule]: _before, ...others } = before[level] ?? {};
  const rules = verdict === undefined ? others : { ...others, [rule]: verdict };
  await authority.setPolicy({ ...before, [level]: rules });
}

function onlyLevels(): SandboxError {
  return new SandboxError('BAD_ARGUMENT', 'Cannot set a rule for one program on every host: give a level');
}
