/** Which lines of a file a debug adapter is asked to stop at, when it is asked for one. */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AdapterRequests } from '#node/targets/adapter/adapter-requests.ts';
import { AdapterSources } from '#node/targets/adapter/adapter-sources.ts';
import { withFolder } from '#test/node/temporary-folder.ts';

async function codeOf(text: string): Promise<string[]> {
  let found: string[] = [];
  await withFolder((folder) => {
    const file = path.join(folder, 'code');
    writeFileSync(file, text);
    const sources = new AdapterSources(new AdapterRequests('toy', () => undefined), () => undefined);
    const lines = text.split('\n');
    found = sources.codeLines(sources.file(file) ?? '', 0, lines.length).map((line) => lines[line] ?? '');
  });
  return found;
}

test('a line that begins with an operator is code', async () => {
  const code = [
    '*p = 3;',
    '  --count;',
    '  **rows = 1',
    '/* first */ run();',
    '*/ run();',
    '*(p + 1) = 2;',
    '#[test] fn run() {}',
  ];
  assert.equal(await codeOf(code.join('\n')), code);
});

test('comments and what closes a block are none', async () => {
  const none = ['', '// x', '/* x */', '/** x', ' * x', ' *', ' */', '# x', '-- x', '--', '};', '])', 'end', ';; x'];
  assert.equal(await codeOf(none.join('\n')), []);
});

test.run();
