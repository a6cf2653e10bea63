import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SandboxError } from '#shared/errors.ts';
import { failure } from '../../../failure.ts';
import { type ScriptedTarget, scriptedTarget, settle } from '../scripted-target.ts';

const APP = ['main@1:5'];
const gone = new SandboxError('TARGET_GONE', 'The connection to process 1 has ended');

/** The request that waits for its answer. */
function open({ sent }: ScriptedTarget, method: string) {
  const request = sent.findLast((each) => each.method === method);
  if (request === undefined) throw new Error(`${method} was not sent`);
  return request;
}

test('a resume whose answer is overtaken by the next stop leaves that stop alone', async () => {
  const target = await scriptedTarget();
  await target.stop(APP);
  target.held.add('Debugger.resume');
  const resumed = target.session.moves.resume();
  target.emit('Debugger.resumed');
  await target.stop(APP);
  open(target, 'Debugger.resume').answer();
  await resumed;
  assert.is(target.session.pausedAt?.pause.id, 2);
  assert.equal(target.told, [1, 'running', 2]);
});

test('a resume that is answered before its event counts at once, and the event changes nothing more', async () => {
  const target = await scriptedTarget();
  await target.stop(APP);
  await target.session.moves.resume();
  assert.is((await failure(() => target.session.moves.resume())).code, 'NOT_PAUSED');
  target.emit('Debugger.resumed');
  assert.equal(target.told, [1, 'running']);
  await target.stop(APP);
  assert.equal(target.told, [1, 'running', 2]);
});

test('two that resume at once: the second is told that it runs', async () => {
  const target = await scriptedTarget();
  await target.stop(APP);
  const first = target.session.moves.resume();
  target.emit('Debugger.resumed');
  assert.is((await failure(() => target.session.moves.resume())).code, 'NOT_PAUSED');
  await first;
  assert.is(target.sent.filter(({ method }) => method === 'Debugger.resume').length, 1);
});

test('a program that ends of being resumed or stepped did run on', async () => {
  for (const [method, move] of [
    ['Debugger.resume', (target: ScriptedTarget) => target.session.moves.resume()],
    ['Debugger.stepOver', (target: ScriptedTarget) => target.session.moves.step('over')],
  ] as const) {
    const target = await scriptedTarget();
    await target.stop(APP);
    target.held.add(method);
    const moved = move(target);
    open(target, method).fail(gone);
    await settle();
    target.session.end();
    assert.ok((await moved) == null);
  }
});

test('a step that fails leaves no step behind', async () => {
  const target = await scriptedTarget();
  await target.stop(APP);
  target.held.add('Debugger.stepOver');
  const step = target.session.moves.step('over');
  open(target, 'Debugger.stepOver').fail(
    new SandboxError('EVALUATION_FAILED', 'Can only perform operation while paused.'),
  );
  assert.is((await failure(() => step)).code, 'EVALUATION_FAILED');
  target.emit('Debugger.resumed');
  await target.stop(APP);
  assert.is(target.session.pausedAt?.pause.reason, 'debugger-statement');
});

test("a stop in Node's own code is followed by points on the program's functions below, gone at the next stop", async () => {
  const target = await scriptedTarget();
  target.emit('Debugger.scriptParsed', { scriptId: '9', url: 'node:internal/modules/cjs/loader' });
  target.emit('Debugger.scriptParsed', { scriptId: '1', url: 'file:///app.js' });
  target.answers.set('Debugger.getPossibleBreakpoints', ({ start }) => ({
    locations: [
      { ...(start as object), lineNumber: 6 },
      { ...(start as object), lineNumber: 7 },
    ],
  }));
  target.answers.set('Debugger.setBreakpointByUrl', ({ lineNumber }) => ({ breakpointId: `point-${lineNumber}` }));
  await target.stop(['module@2:3', 'load@9:1', 'main@1:5']);
  const step = target.session.moves.step('over');
  target.emit('Debugger.resumed');
  target.methods();
  await target.stop(['load@9:2', 'main@1:5'], { reason: 'step' });
  assert.equal(target.methods(), ['getPossibleBreakpoints', 'setBreakpointByUrl', 'setBreakpointByUrl', 'resume']);
  target.emit('Debugger.resumed');
  // In a recursive call: not there yet.
  await target.stop(['main@1:6', 'other@1:9', 'main@1:5'], { hitBreakpoints: ['point-6'] });
  assert.equal(target.methods(), ['resume']);
  target.emit('Debugger.resumed');
  await target.stop(['main@1:7'], { hitBreakpoints: ['point-7'] });
  assert.is((await step)?.frames[0]?.line, 8);
  assert.equal(target.methods(), ['removeBreakpoint', 'removeBreakpoint']);
  assert.equal(target.told, [1, 'running', 2]);
});

test('a pause asked for while a stop nobody wants is passed over is not lost', async () => {
  const target = await scriptedTarget();
  target.answers.set('Debugger.getPossibleBreakpoints', ({ start }) => ({ locations: [start as object] }));
  target.answers.set('Debugger.setBreakpoint', () => ({ breakpointId: 'point' }));
  await target.stop(['inner@1:3', 'main@1:5']);
  const step = target.session.moves.step('out');
  target.emit('Debugger.resumed');
  target.held.add('Debugger.getPossibleBreakpoints');
  await target.stop(['stale@1:1', 'inner@1:3', 'main@1:5'], { hitBreakpoints: ['stale'] });
  await target.session.pause();
  open(target, 'Debugger.getPossibleBreakpoints').answer({ locations: [] });
  await settle();
  assert.is((await step)?.reason ?? target.session.pausedAt?.pause.reason, 'pause-command');
});

test('what is asked for while a program is on its way out of a stop is asked for again once it has left it', async () => {
  for (const ask of [
    (target: ScriptedTarget) => target.session.pause(),
    (target: ScriptedTarget) => target.session.glance(async () => 'seen'),
  ]) {
    const target = await scriptedTarget();
    await target.stop(APP, { hitBreakpoints: ['stale'] });
    assert.equal(target.methods(), ['resume']);
    const asked = ask(target);
    assert.equal(target.methods(), ['pause']);
    target.emit('Debugger.resumed');
    assert.equal(target.methods(), ['pause'], 'V8 took no notice of the first');
    await target.stop(APP);
    await asked;
  }
});

test('a step across the end of the program is over', async () => {
  const target = await scriptedTarget();
  await target.stop(APP);
  const step = target.session.moves.step('over');
  target.emit('Debugger.resumed');
  target.session.end();
  assert.is(await step, null);
  assert.is(target.session.pausedAt, undefined);
  assert.is(target.timers.pending, 0);
});

test.run();
