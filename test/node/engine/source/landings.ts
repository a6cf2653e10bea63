/** What must hold of breakpoints in the cart, however it was built. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { createFileNames } from '#node/engine/source/file-names.ts';
import type { BreakpointCandidate } from '#node/engine/source/script-registry-interface.ts';
import type { SourceFile } from '#shared/model/source-file.ts';
import { type BuildName, buildCart, lineOf } from './built-cart.ts';
import { type Running, withRegistry } from './registered-process.ts';
import { withFolder } from './temporary-folder.ts';

const CART = { path: 'src/cart.ts' };

async function setAt({ cdp }: Running, candidate: BreakpointCandidate | undefined): Promise<string> {
  assert.ok(candidate);
  const { scriptId, lineNumber, columnNumber } = candidate;
  const set = await cdp.send('Debugger.setBreakpoint', { location: { scriptId, lineNumber, columnNumber } });
  return set.breakpointId;
}

/** Where the program stops next; the breakpoint is gone before it runs on. */
async function stopLine({ paused, registry, cdp }: Running, breakpointId: string): Promise<string> {
  const frame = (await paused()).callFrames[0];
  const { scriptId = '', lineNumber = -1, columnNumber = 0 } = frame?.location ?? {};
  const place = await registry.locate({ scriptId, lineNumber, columnNumber });
  await cdp.send('Debugger.removeBreakpoint', { breakpointId });
  await cdp.send('Debugger.resume');
  return `${place.file?.path}:${place.line}`;
}

/** Mark → the mark whose line it lands on, itself when there is code. */
const LANDS_ON: readonly (readonly [mark: string, expected: string])[] = [
  ['statement', 'statement'],
  ['loop', 'loop'],
  ['return', 'return'],
  ['method', 'method'],
  ['call', 'call'],
  ['after-await', 'after-await'],
  ['chain', 'chain'],
  ['then', 'then'],
  ['comment', 'loop'],
  ['type', 'statement'],
  ['function', 'statement'],
];

/** @throws what is wrong with the breakpoints of this build */
export function checkLandings(name: BuildName): Promise<void> {
  return withFolder(async (root) => {
    const args = await buildCart(name, root);
    await withRegistry(root, args, async (running) => {
      const { registry } = running;
      await running.run();
      await running.loaded(CART);

      for (const [mark, expected] of LANDS_ON) {
        const line = lineOf(root, mark);
        const found = await registry.candidates(CART, line);
        assert.is(found.length, 1, mark);
        const place = await registry.locate(found[0] as BreakpointCandidate);
        assert.is(`${place.file?.path}:${place.line}`, `src/cart.ts:${lineOf(root, expected)}`, mark);
        assert.is(found[0]?.line, lineOf(root, expected), mark);
      }
      const inner = await registry.candidates({ path: 'src/format.ts' }, 2);
      // Vite puts a constant that is used once where it is used: its line has no code any more.
      assert.is(inner[0]?.line, name.startsWith('vite') ? 3 : 2);
      assert.equal(await registry.candidates(CART, 9999), []);

      for (const mark of ['loop', 'method', 'after-await', 'return']) {
        const [candidate] = await registry.candidates(CART, lineOf(root, mark));
        const id = await setAt(running, candidate);
        assert.is(await stopLine(running, id), `src/cart.ts:${lineOf(root, mark)}`, mark);
      }
      const text = await registry.text({ file: CART });
      assert.is(text.text, readFileSync(join(root, 'src/cart.ts'), 'utf8'));
      assert.is((await registry.text({ source: text.source })).text, text.text);
      const onDisk = createFileNames(root).toSourceFile(join(root, 'src/cart.ts')) as SourceFile;
      assert.is(onDisk.sha256, text.source);
      assert.is(await registry.contentMatches(onDisk), true);
      assert.is(await registry.contentMatches({ ...CART, sha256: '0'.repeat(64) as never }), false);
      const listed = (await registry.list('src/')).filter((file) => file.package === undefined);
      assert.equal(listed, [CART, { path: 'src/format.ts' }]);
    });
  });
}
