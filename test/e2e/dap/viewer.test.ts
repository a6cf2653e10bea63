// test: full
// test: limit 120 s
/** Whoever may only look, in an editor: sees the stop with secrets masked, and no code of theirs runs, by any request. */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LINK, targetSeenBy } from '../mesh/debugging.ts';
import { withMembers } from '../mesh/members.ts';
import { Editor, NOT_DECLARED } from './editor.ts';

const TOP = { threadId: 1 };

/** Whatever runs code in it, other than itself, leaves a trace: `touched`. */
const PROGRAM = `globalThis.touched = [];
class Cart {
  items = ['tea', 'cake'];
  password = 'hunter2-and-more';
  get total() {
    touched.push('getter');
    return 8;
  }
  toString() {
    touched.push('toString');
    return 'cart';
  }
}
const watched = new Proxy({ a: 1 }, { get: () => touched.push('proxy'), ownKeys: () => (touched.push('keys'), []) });
function visit(cart) {
  const count = cart.items.length;
  return count + (watched === undefined ? 1 : 0);
}
setInterval(() => visit(new Cart()), 20);
console.log('ready');
`;
const LINE = 16;
const NO_RIGHT = /the role "viewer" does not hold the right "(?:evaluate|control|breakpoint|state-write)"/;
/** A program is ended by those on whose machine it runs. */
const ELSEWHERE = /Cannot end .*: it runs at .+, who alone can end it/;

test('a viewer’s editor looks at a stop, and can neither move the program nor run anything in it', () =>
  withMembers(async ({ member }) => {
    const [host, viewer] = [member('host', 'work'), member('viewer', 'elsewhere')];
    for (const { folder } of [host, viewer]) writeFileSync(path.join(folder, 'shop.js'), PROGRAM);
    const run = host.start('run', '-q', '--role', 'viewer', '--', 'node', 'shop.js');
    const [link] = await run.line(LINK);
    await run.line(/^ready$/);
    // Whoever may only look is let in by the link alone.
    await viewer.ask('sandbox.join', 'join', link, '--name', 'viewer');
    const atHost = await host.client();
    const { id: target } = await targetSeenBy(atHost);
    await targetSeenBy(await viewer.client());
    await host.ask('breakpoint.add', 'break', 'add', `shop.js:${LINE}`);

    const editor = await Editor.open(viewer, {}, '--map', '/=.');
    await editor.attachTo({});
    assert.is((await editor.stopped()).reason, 'breakpoint');
    const [top, caller] = await editor.stack();
    assert.is(top?.line, LINE);
    const frameId = top?.id ?? 0;
    const { variablesReference: scope } = (await editor.scopesRequest({ frameId })).body.scopes[0] ?? {
      variablesReference: 0,
    };
    const locals = await editor.opened(scope);
    assert.match(locals.get('count')?.value ?? '', NOT_DECLARED);
    const cart = await editor.opened(locals.get('cart')?.variablesReference ?? 0);
    assert.is(cart.get('password')?.value, '•••• (masked)');
    assert.match(cart.get('items')?.value ?? '', 'cake');
    // A plain path is looked up, not evaluated.
    assert.is(await editor.evaluate('cart.items[1]', frameId, 'hover'), '"cake"');
    const script = (await editor.scopesRequest({ frameId: caller?.id ?? 0 })).body.scopes;
    for (const { variablesReference } of script) await editor.opened(variablesReference);
    await editor.completionsRequest({ frameId, text: 'cart.', column: 6 });
    await editor.completionsRequest({ frameId, text: 'watched.', column: 9 });

    const refused = async (what: string, work: Promise<unknown>, pattern = NO_RIGHT): Promise<void> => {
      const reason = await work.then(
        (answer) => `answered ${JSON.stringify(answer)}`,
        (error: Error) => error.message,
      );
      assert.match(reason, pattern, `${what}: ${reason}`);
    };
    const touch = 'touched.push(1)';
    for (const context of ['repl', 'watch', 'hover', 'clipboard', 'variables']) {
      await refused(context, editor.evaluate(touch, frameId, context));
    }
    await refused('a getter by its path', editor.evaluate('cart.total', frameId, 'hover'));
    await refused('without a frame', editor.evaluate(touch, undefined));
    const total = cart.get('total')?.variablesReference ?? 0;
    if (total > 0) await refused('a getter', editor.opened(total));
    await refused('set', editor.setVariableRequest({ variablesReference: scope, name: 'count', value: '3' }));
    await refused('set', editor.customRequest('setExpression', { expression: 'count', value: touch, frameId }));
    await refused('continue', editor.continueRequest(TOP));
    await refused('next', editor.nextRequest(TOP));
    await refused('stepIn', editor.stepInRequest(TOP));
    await refused('stepOut', editor.stepOutRequest(TOP));
    await refused('restartFrame', editor.restartFrameRequest({ frameId }));
    await refused('terminate', editor.terminateRequest(), ELSEWHERE);

    // What it wants to set is said to be refused, one by one.
    const own = path.join(viewer.folder, 'shop.js');
    const wanted = [{ condition: touch }, { logMessage: `{${touch}}` }, { hitCondition: '2' }, {}];
    const set = await editor.setLines(own, ...wanted.map((one, i) => ({ line: LINE + 1, column: i + 1, ...one })));
    const functions = await editor.setFunctionBreakpointsRequest({
      breakpoints: [{ name: 'visit', condition: touch }],
    });
    const exceptions = await editor.setExceptionBreakpointsRequest({ filters: ['caught'] });
    for (const breakpoint of [...set, ...functions.body.breakpoints, ...(exceptions.body?.breakpoints ?? [])]) {
      assert.is(breakpoint.verified, false);
      assert.match(breakpoint.message ?? '', NO_RIGHT);
    }
    assert.is((await host.ask('breakpoint.list', 'break', 'list')).breakpoints.length, 1);

    // The host's own program: nothing of that has run, and it stands where it stood.
    const { result } = await atHost.call('inspect.evaluate', { target, expression: 'touched.join()' });
    assert.is(result.value, '""');
    // It follows the host's moves.
    await editor.setLines(own);
    await host.ask('execution.step', 'step', 'over');
    assert.is((await editor.next('stopped')).body.reason, 'step');
    // Whoever leaves may not take the program along.
    await refused('disconnect', editor.disconnectRequest({ terminateDebuggee: true }), ELSEWHERE);
    await editor.adapter.exited();
    assert.is((await atHost.call('target.list', {})).targets[0]?.state, 'paused');
    assert.not(run.ended);
  }));

test.run();
