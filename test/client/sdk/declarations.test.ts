import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { sdkDeclarations } from '#client/sdk/type-declarations.ts';
import { withFolder } from '../../node/temporary-folder.ts';

const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');

/** Errors of a strict compilation of `program` against the package's declarations. */
function errorsOf(program: string, folder: string): string {
  const pack = join(folder, 'node_modules', 'sandmesh');
  mkdirSync(pack, { recursive: true });
  writeFileSync(
    join(pack, 'package.json'),
    '{"name":"sandmesh","type":"module","exports":{"./sdk":{"types":"./sdk.d.ts"}}}',
  );
  writeFileSync(join(pack, 'sdk.d.ts'), sdkDeclarations());
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  writeFileSync(join(folder, 'program.ts'), program);
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', 'program.ts'];
  return spawnSync(process.execPath, [tsc, ...options], { cwd: folder, encoding: 'utf8' }).stdout;
}

test('a program in strict TypeScript uses the sdk, and a wrong argument does not compile', () =>
  withFolder((folder) => {
    const good = `
import { connectWithToken, SandboxError } from 'sandmesh/sdk';
const client = await connectWithToken({ origin: 'http://127.0.0.1:1', token: 'x', reconnect: true });
const { breakpoints } = await client.call('breakpoint.list', {});
const author: number | undefined = breakpoints[0]?.author;
for await (const { event } of client.subscribe('pauses')) if (event.pause !== null) event.pause.frames[0]?.functionName;
try {
  await client.call('execution.step', { kind: 'over' });
} catch (error) {
  if (error instanceof SandboxError && error.code === 'LEASE_HELD') client.close();
}
export { author };
`;
    assert.is(errorsOf(good, folder), '');
    const bad = good.replace("kind: 'over'", "kind: 'sideways'").replace("'LEASE_HELD'", "'NO_SUCH_CODE'");
    const errors = errorsOf(bad, folder);
    assert.match(errors, /sideways/);
    assert.match(errors, /NO_SUCH_CODE/);
  }));

test.run();
