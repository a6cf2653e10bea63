/** What debug adapters are told to run, of the command lines that people type. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RECIPES } from '#node/targets/adapter/recipes.ts';
import { failure } from '#test/node/failure.ts';

const FOLDER = '/nowhere/orders';

function asked(...argv: string[]): Readonly<Record<string, unknown>> {
  const { arguments: all = {} } = RECIPES['debugpy']?.({ argv, folder: FOLDER }) ?? {};
  const ofInterest = ['python', 'program', 'module', 'code', 'args'];
  return Object.fromEntries(Object.entries(all).filter(([name]) => ofInterest.includes(name)));
}

test("Python's own options keep their values, and what it runs is what it would run", () => {
  assert.equal(asked('app.py', '-x'), { python: ['python3'], args: ['-x'], program: `${FOLDER}/app.py` });
  assert.equal(asked('python3', '-X', 'dev', '-Werror', '-u', 'app.py', '-c'), {
    python: ['python3', '-X', 'dev', '-Werror', '-u'],
    args: ['-c'],
    program: `${FOLDER}/app.py`,
  });
  assert.equal(asked('python3', '-W', 'error', '-um', 'tool', 'one'), {
    python: ['python3', '-W', 'error', '-u'],
    args: ['one'],
    module: 'tool',
  });
  assert.equal(asked('/opt/python3.11', '-c', 'print(1)', 'a'), {
    python: ['/opt/python3.11'],
    args: ['a'],
    code: 'print(1)',
  });
  assert.equal(asked('python3', '--check-hash-based-pycs', 'never', '-mtool'), {
    python: ['python3', '--check-hash-based-pycs', 'never'],
    args: [],
    module: 'tool',
  });
});

test('a Python that is given nothing to run is refused', async () => {
  for (const words of [['python3'], ['python3', '-'], ['python3', '-u'], ['python3', '-m'], ['python3', '-V']]) {
    const error = await failure(async () => asked(...words));
    assert.is(error.code, 'BAD_ARGUMENT');
    assert.match(error.message, 'names no program');
  }
});

test.run();
