// test: full
// test: limit 240 s
/**
 * Probes set by an editor, by DevTools and in a terminal, each of a guest in the host's program: what they record arrives in
 * the other member's tools, they become code under load, and the tool that takes them out leaves the code as it was.
 */

import path from 'node:path';
import CDP from 'chrome-remote-interface';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Editor } from './dap/editor.ts';
import { portOf } from './devtools/shop.ts';
import { armed } from './mesh/debugging.ts';
import { eventually } from './mesh/members.ts';
import { CALLS, follow, LOG_LINE, type ProbedShop, withProbedShop } from './mesh/probed-shop.ts';

/** Waits until a text is among what somebody was told, under load. */
async function hears(what: string, { get }: ProbedShop, told: () => string, text: string | RegExp): Promise<void> {
  await eventually(`${what}: ${text}`, async () => {
    await get(CALLS);
    const lines = told().split('\n');
    return lines.some((line) => (typeof text === 'string' ? line === text : text.test(line))) || undefined;
  });
}

async function nothingIsLeft({ atHost, get, untilRestored }: ProbedShop): Promise<void> {
  await untilRestored();
  assert.equal((await atHost.call('breakpoint.list', {})).breakpoints, []);
  // The program is none the worse for it.
  assert.is(await get(CALLS), String(7 + CALLS));
}

test('a logpoint of an editor: its lines are in the other editor, with whose they are', () =>
  withProbedShop(async (shop) => {
    const { host, guest, untilInjected } = shop;
    const [mine, theirs] = [await Editor.open(host), await Editor.open(guest, {}, '--map', '/=.')];
    await mine.attachTo({});
    const file = path.join(guest.folder, 'shop.js');
    await theirs.attachTo({}, async () => {
      const log = { line: LOG_LINE, logMessage: '{user.id} of {times}, {missing.one}' };
      const [[set]] = await Promise.all([theirs.setLines(file, log), host.approveNext('consent')]);
      assert.is(set?.line, LOG_LINE);
    });
    const text = `7 of ${CALLS}, `;
    await hears('the editor that set it', shop, () => theirs.printed('console'), new RegExp(`^${text}.*missing`));
    await hears('the other editor', shop, () => mine.printed('console'), new RegExp(`^alice: ${text}.*missing`));
    await untilInjected(1);
    await hears('the other editor, of code', shop, () => mine.printed('console'), /^alice: 7 of .*not recorded/);
    assert.is(mine.count('stopped') + theirs.count('stopped'), 0);
    await theirs.setLines(file);
    await nothingIsLeft(shop);
    await Promise.all([mine.leave(), theirs.leave()]);
  }));

for (const way of ['removeBreakpoint', 'close'] as const) {
  test(`a logpoint of DevTools: its lines are at the host, and in DevTools' console; ${way} ends it`, () =>
    withProbedShop(async (shop) => {
      const { host, guest, atHost, untilInjected } = shop;
      const { port } = await portOf(guest);
      const client = await CDP({ host: '127.0.0.1', port, local: true });
      const { Debugger, Runtime } = client;
      const said: string[] = [];
      Runtime.on('consoleAPICalled', ({ args }) => said.push(args.map(({ value }) => value).join(' ')));
      const scripts = new Map<string, string>();
      Debugger.on('scriptParsed', ({ scriptId, url }) => scripts.set(url, scriptId));
      await Runtime.enable();
      await Debugger.enable({});
      const url = [...scripts.keys()].find((each) => each.endsWith('/shop.js')) ?? '';
      const hits = follow(atHost);
      const [{ breakpointId }] = await Promise.all([
        Debugger.setBreakpointByUrl({
          url,
          lineNumber: LOG_LINE - 1,
          condition: "/** DEVTOOLS_LOGPOINT */ console.log('user', user.id, times)",
        }),
        host.approveNext('consent'),
      ]);
      const text = `user 7 ${CALLS}`;
      await hears('the host', shop, () => hits.map((hit) => hit.text).join('\n'), text);
      await hears('DevTools', shop, () => said.join('\n'), text);
      assert.equal(new Set(hits.map(({ by }) => by)), new Set([2]));
      await untilInjected(1);
      if (way === 'close') await client.close();
      else await Debugger.removeBreakpoint({ breakpointId });
      await nothingIsLeft(shop);
      if (way !== 'close') await client.close();
    }));
}

test('a logpoint and a tracepoint of a terminal: the other terminal prints them as they come', () =>
  withProbedShop(async (shop) => {
    const { host, guest, atGuest, untilInjected } = shop;
    const following = host.start('log', '--follow');
    const [log] = await Promise.all([
      guest.ask('breakpoint.add', 'break', 'add', `shop.js:${LOG_LINE}`, '--log', '{user.id} of {times}'),
      host.approveNext('consent'),
    ]);
    const capture = ['--capture', 'user.id * 2'];
    const trace = await guest.ask('breakpoint.add', 'break', 'add', '--function', 'visit', '--trace', ...capture);
    await armed(atGuest, log.id);
    await armed(atGuest, trace.id);
    await hears('the host’s terminal', shop, () => following.output, new RegExp(`7 of ${CALLS}`));
    await hears('the host’s terminal', shop, () => following.output, /visit\(.*user\.id \* 2: 14.*→ 107/);
    await untilInjected(2);
    await guest.ask('breakpoint.remove', 'break', 'rm', log.id);
    // The other one stays until it goes itself.
    await untilInjected(1);
    await guest.ask('breakpoint.remove', 'break', 'rm', trace.id);
    await nothingIsLeft(shop);
  }));

test.run();
