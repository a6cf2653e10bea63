// test: limit 180 s
/** Node's own debugger, on a program of this machine and on one of another member's. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Program } from '#test/bench/programs.ts';
import { eventually, type Member } from '../mesh/members.ts';
import { BODY_LINE, portOf, type Shop, withShop } from './shop.ts';

class Repl {
  readonly #program: Program;
  #text = '';
  #read = 0;

  constructor(program: Program) {
    this.#program = program;
    program.child.stdout?.on('data', (chunk) => {
      this.#text += chunk;
    });
  }

  type(line: string): void {
    this.#read = this.#text.length;
    this.#program.child.stdin?.write(`${line}\n`);
  }

  /** What it has printed since the last line typed, once it matches. */
  says(pattern: RegExp): Promise<string> {
    return eventually(`${pattern}; it said:\n${this.#text}`, () => {
      const said = this.#text.slice(this.#read);
      return pattern.test(said) ? said : undefined;
    });
  }
}

async function debugs(member: Member, { atHost, target }: Shop, allow: () => Promise<void>): Promise<void> {
  const { port } = await portOf(member);
  const program = member.spawn(process.execPath, ['inspect', `127.0.0.1:${port}`]);
  const repl = new Repl(program);
  await repl.says(/ok[\s\S]*debug> $/);

  repl.type(`sb('shop.js', ${BODY_LINE})`);
  await repl.says(new RegExp(`break in .*shop\\.js:${BODY_LINE}[\\s\\S]*> ${BODY_LINE} +const body`));
  const { breakpoints } = await atHost.call('breakpoint.list', {});
  const { self } = await (await member.client()).call('sandbox.get', {});
  assert.equal(
    breakpoints.map(({ writtenBy, where }) => [writtenBy, where.kind === 'line' && where.line]),
    [[self, BODY_LINE]],
    'the others see it and whose it is',
  );
  const { pause } = (await atHost.call('target.list', {})).targets.find(({ id }) => id === target) ?? {};
  assert.equal(pause?.hitBreakpoints, [breakpoints[0]?.id]);

  repl.type('list(2)');
  await repl.says(/count \+= n;/);
  repl.type('backtrace');
  await repl.says(/#0 handle .*shop\.js:9[\s\S]*#1 \(anonymous\)/);
  repl.type('exec cart.items.length + 40');
  await allow();
  await repl.says(/\b42\b/);
  repl.type('exec cart');
  await repl.says(/items: Array\(2\)/);
  repl.type('next');
  await repl.says(new RegExp(`break in .*shop\\.js:${BODY_LINE + 1}`));
  repl.type('cont');
  await repl.says(new RegExp(`break in .*shop\\.js:${BODY_LINE}\\b`));
  repl.type(`clearBreakpoint('shop.js', ${BODY_LINE})`);
  await eventually('the breakpoint to be gone', async () => {
    const left = await atHost.call('breakpoint.list', {});
    return left.breakpoints.length === 0 || undefined;
  });
  repl.type('cont');
  await eventually('the program to run', async () => {
    const { targets } = await atHost.call('target.list', {});
    return targets[0]?.state === 'running' || undefined;
  });
  // Left while it is set: its breakpoint goes with it.
  repl.type("sb('handle()')");
  await repl.says(/break in .*shop\.js:7/);
  repl.type('.exit');
  await program.exited();
  await eventually('the breakpoint to go with its tool', async () => {
    const left = await atHost.call('breakpoint.list', {});
    return left.breakpoints.length === 0 || undefined;
  });
  const { targets } = await atHost.call('target.list', {});
  assert.is(targets[0]?.state, 'paused', 'nothing resumed by accident');
  // Who stepped last drives until the lease lapses.
  await (await member.client()).call('lease.release', { target });
  await atHost.call('execution.resume', {});
}

test('node inspect debugs a program of this machine, and one of another member’s', () =>
  withShop(async (shop) => {
    await debugs(shop.host, shop, async () => undefined);
    await debugs(shop.guest, shop, () => shop.host.approveNext('consent'));
  }));

test.run();
