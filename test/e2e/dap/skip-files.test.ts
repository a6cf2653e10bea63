// test: full
// test: limit 120 s
/** `skipFiles` of an editor: its steps pass a library by and enter what the library calls; another's steps do as ever. */

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withMembers } from '../mesh/members.ts';
import { Editor } from './editor.ts';

const FILES = {
  'node_modules/twice/index.js': `module.exports = function twice(work) {
  const first = work(1);
  const second = work(2);
  return first + second;
};
`,
  'orders.js': `const twice = require('twice');
function count(n) {
  return n + 1;
}
function order() {
  const sum = twice(count);
  console.log('sum', sum);
}
order();
order();
`,
};
const CALL_LINE = 6;
const TOP = { threadId: 1 };

test('one editor steps over the code of packages, the other into it', () =>
  withMembers(async ({ member }) => {
    const host = member('h', 'project');
    mkdirSync(path.join(host.folder, 'node_modules', 'twice'), { recursive: true });
    for (const [name, text] of Object.entries(FILES)) writeFileSync(path.join(host.folder, name), text);
    const file = path.join(host.folder, 'orders.js');
    const skipping = await Editor.open(host);
    const plain = await Editor.open(host);
    const skipFiles = ['<node_internals>/**', '**/node_modules/**'];
    const target = { program: file, private: true, skipFiles };
    await skipping.launchWith(target, () => skipping.setLines(file, CALL_LINE));
    assert.is((await skipping.stopped()).reason, 'breakpoint');
    await plain.attachTo({});
    await plain.stopped();
    /** Where both see the program after a move of one. */
    const after = async (move: () => Promise<unknown>): Promise<string> => {
      await move();
      const [mine] = await Promise.all([skipping.stopped(), plain.stopped()]);
      const [one, other] = await Promise.all([skipping.top(), plain.top()]);
      assert.equal([other.name, other.line], [one.name, one.line]);
      return `${mine.reason} ${one.name}:${one.line}`;
    };
    assert.is(await after(() => skipping.stepInRequest(TOP)), 'step count:3');
    // Out of what the package called: not back into the package, but to its second call, or past it.
    assert.is(await after(() => skipping.stepOutRequest(TOP)), 'step order:7');
    assert.is(await after(() => plain.continueRequest(TOP)), 'breakpoint order:6');
    assert.is(await after(() => plain.stepInRequest(TOP)), 'step twice:2');
    assert.is(await after(() => plain.nextRequest(TOP)), 'step twice:3');
    // Its next step leaves the package, where the other's step has led it.
    assert.is(await after(() => skipping.nextRequest(TOP)), 'step order:7');
    const ends = [skipping, plain].map((editor) => editor.next('terminated'));
    await Promise.all([skipping.continueRequest(TOP), ...ends]);
  }));

test.run();
