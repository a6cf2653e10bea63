import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { allowCall } from '#node/engine/debug/inspection/allow-list.ts';
import { TOOL_FUNCTIONS } from '#node/engine/debug/inspection-tool/functions.ts';
import { RIGHTS, type Right } from '#shared/rights.ts';
import { failure } from '../../../failure.ts';

const all = new Set<Right>(RIGHTS);
const viewer = new Set<Right>(['view']);

test('what is not listed is refused even to the owner', async () => {
  for (const method of [
    'Debugger.setAsyncCallStackDepth',
    'Debugger.setScriptSource',
    'Runtime.terminateExecution',
    'toString',
  ]) {
    assert.is((await failure(() => allowCall(method, {}, all))).code, 'FORBIDDEN', method);
  }
});

test('a viewer may look, but run no function of its own and evaluate nothing', async () => {
  const look = { objectId: '1', functionDeclaration: TOOL_FUNCTIONS.page, arguments: [] };
  assert.is(allowCall('Runtime.callFunctionOn', look, viewer)['returnByValue'], true);
  const smuggled = { objectId: '1', functionDeclaration: 'function() { process.exit() }' };
  assert.is((await failure(() => allowCall('Runtime.callFunctionOn', smuggled, all))).code, 'FORBIDDEN');
  assert.is((await failure(() => allowCall('Runtime.evaluate', { expression: '1' }, viewer))).code, 'FORBIDDEN');
});

test('an evaluation always has a time limit and never comes back by value', () => {
  const asked = { expression: 'x', timeout: 1e9, returnByValue: true, includeCommandLineAPI: true, contextId: 3 };
  const sent = allowCall('Runtime.evaluate', asked, all);
  assert.is(sent['timeout'], 10_000);
  assert.is(sent['returnByValue'], false);
  assert.is(sent['includeCommandLineAPI'], false);
  assert.is(sent['contextId'], undefined);
});

test.run();
