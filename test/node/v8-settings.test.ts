/** Of a setting that it does not know V8 complains on stderr, which is the log of a daemon, and goes on without. */

import { spawnSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

test('a V8 of this Node takes the setting without a word', () => {
  const script = "import('#node/v8-settings.ts').then(({ optimiseSoon }) => optimiseSoon());";
  const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', '-e', script], { encoding: 'utf8' });
  assert.equal([status, stderr], [0, '']);
});

test.run();
