/** V8 forgets a step when an evaluation without side effects follows it: one that comes too late is not sent. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Protocol } from 'devtools-protocol';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { SandboxError } from '#shared/errors.ts';
import { InspectedProgram } from '#test/node/engine/debug/inspected-program.ts';

const PROGRAM = `function f(a) {
  const b = a + 1;
  const c = b + 1;
  return c;
}
setInterval(() => f(1), 10);
`;

test('a step leads to the next line whatever somebody wanted to see of the stop meanwhile', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'sm-late-'));
  const entry = path.join(folder, 'app.js');
  writeFileSync(entry, PROGRAM);
  const program = await InspectedProgram.start(entry, { cwd: folder });
  const { cdp } = program;
  const paused = (): Promise<Protocol.Debugger.PausedEvent> =>
    new Promise((resolve) => {
      const off = cdp.on('Debugger.paused', (event) => {
        off();
        resolve(event);
      });
    });
  try {
    await cdp.send('Debugger.enable', {});
    let next = paused();
    await cdp.send('Runtime.runIfWaitingForDebugger');
    await next;
    await cdp.send('Debugger.setBreakpointByUrl', { urlRegex: 'app\\.js$', lineNumber: 1 });
    for (let round = 0; round < 5; round++) {
      next = paused();
      await cdp.send('Debugger.resume', {});
      const { callFrames } = await next;
      const callFrameId = callFrames[0]?.callFrameId ?? '';
      const look = { callFrameId, expression: 'a', throwOnSideEffect: true };
      assert.is((await cdp.send('Debugger.evaluateOnCallFrame', look)).result.value, 1);
      next = paused();
      const step = cdp.send('Debugger.stepOver', {});
      const late = await cdp.send('Debugger.evaluateOnCallFrame', look).catch((error: SandboxError) => error.code);
      assert.is(late, 'EVALUATION_FAILED');
      await step;
      assert.is((await next).callFrames[0]?.location.lineNumber, 2);
    }
  } finally {
    await program.kill();
    rmSync(folder, { recursive: true });
  }
});

test.run();
