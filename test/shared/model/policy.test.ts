import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  DEFAULT_RULES,
  higherLevel,
  judgeRight,
  LEVELS,
  POLICY_RIGHTS,
  type PolicyRules,
  VERDICTS,
} from '#shared/model/policy.ts';

test('the defaults are the specification’s, staging never milder than development nor stricter than production', () => {
  assert.equal(DEFAULT_RULES.development, {
    code_execution: 'allow',
    state_modification: 'allow',
    resource_access: 'audit',
    network_access: 'deny',
  });
  assert.equal(DEFAULT_RULES.production, {
    code_execution: 'audit',
    state_modification: 'deny',
    resource_access: 'deny',
    network_access: 'deny',
  });
  const strictness = (verdict: (typeof VERDICTS)[number]): number => VERDICTS.indexOf(verdict);
  for (const [action, verdict] of Object.entries(DEFAULT_RULES.staging)) {
    const of = (level: 'development' | 'production') =>
      DEFAULT_RULES[level][action as keyof typeof DEFAULT_RULES.staging];
    assert.ok(strictness(verdict) >= strictness(of('development')), action);
    assert.ok(strictness(verdict) <= strictness(of('production')), action);
  }
});

test('every right that reaches into a process, at every level', () => {
  const table = Object.fromEntries(
    POLICY_RIGHTS.map((right) => [right, LEVELS.map((level) => judgeRight(right, level, []).verdict).join(' ')]),
  );
  assert.equal(table, {
    view: 'audit audit deny',
    breakpoint: 'allow allow allow',
    control: 'allow allow allow',
    profile: 'audit audit deny',
    evaluate: 'allow audit audit',
    patch: 'allow ask deny',
    experiment: 'allow audit audit',
    'state-write': 'allow ask deny',
  });
});

test('a stronger layer wins, and within one the rule for the right beats the one for its action', () => {
  const judge = (...layers: PolicyRules[]) => judgeRight('evaluate', 'development', layers);
  assert.equal(judge({}, { code_execution: 'deny' }), { verdict: 'deny', layer: 1 });
  assert.equal(judge({ code_execution: 'ask' }, { evaluate: 'deny' }), { verdict: 'ask', layer: 0 });
  assert.equal(judge({ code_execution: 'deny', evaluate: 'allow' }), { verdict: 'allow', layer: 0 });
  assert.equal(judge({}, {}), { verdict: 'allow', layer: 2 });
});

test('a right that is two actions gets the stricter verdict, each action from its own strongest layer', () => {
  const patch = (...layers: PolicyRules[]) => judgeRight('patch', 'development', layers);
  assert.equal(patch({ code_execution: 'allow' }, { code_execution: 'deny', state_modification: 'ask' }), {
    verdict: 'ask',
    layer: 1,
  });
  assert.equal(patch({ state_modification: 'deny' }), { verdict: 'deny', layer: 0 });
  assert.equal(patch({ state_modification: 'ask' }, { patch: 'allow' }), { verdict: 'ask', layer: 0 });
});

test('NODE_ENV raises a chosen level and never lowers it', () => {
  assert.is(higherLevel('production', 'development'), 'production');
  assert.is(higherLevel('development', 'staging'), 'staging');
});

test.run();
