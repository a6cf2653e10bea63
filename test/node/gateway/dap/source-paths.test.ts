import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createFileNames } from '#node/engine/source/file-names.ts';
import { SourcePaths } from '#node/gateway/dap/source-paths.ts';
import type { ContentHash } from '#shared/ids.ts';
import { withFolder } from '../../temporary-folder.ts';

const hashOf = (text: string): ContentHash => createHash('sha256').update(text).digest('hex') as ContentHash;

for (const [what, here, runs, isSame] of [
  ['a file with a byte order mark that V8 dropped', '\uFEFFlet a = 1;\n', 'let a = 1;\n', true],
  ['a file without one that the program has with it', 'let a = 1;\n', '\uFEFFlet a = 1;\n', true],
  ['a file in another version', '\uFEFFlet a = 2;\n', 'let a = 1;\n', false],
] as const) {
  test(`${what} is ${isSame ? 'the file here' : 'shown as the program runs it'}`, () =>
    withFolder((folder) => {
      writeFileSync(join(folder, 'app.js'), here);
      const names = createFileNames(folder);
      const paths = new SourcePaths({ names: () => names, mappings: [], usesUris: false });
      for (let time = 0; time < 2; time += 1) {
        const source = paths.toSource({ path: 'app.js', sha256: hashOf(runs) }, hashOf(runs));
        assert.is(source.sourceReference === undefined, isSame);
        assert.is(source.path, isSame ? join(folder, 'app.js') : 'app.js');
      }
    }));
}

test.run();
