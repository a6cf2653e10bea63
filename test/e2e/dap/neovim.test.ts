// test: full
// test: limit 120 s
/**
 * Neovim as a debug client: its own Lua at the port of `sandmesh dap`; and nvim-dap on stdio, where a checkout of it is given
 * by SANDMESH_TEST_NVIM_DAP (0.7.0 is the newest that Debian's Neovim 0.7 takes).
 */

import { symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { commandMissing, unless } from '../../skip.ts';
import { eventually, type Member, withMembers } from '../mesh/members.ts';
import { CLI } from '../terminal/workspace.ts';

const noNeovim = commandMissing('nvim');
const PLUGIN = process.env['SANDMESH_TEST_NVIM_DAP'];

const ORDERS = `let n = 0;
function order() {
  n += 1;
  return n;
}
setInterval(order, 20);
`;
const LINE = 3;
const SEEN = [
  'stopped: breakpoint',
  `order at orders.js:${LINE}`,
  /^n is \d+$/,
  'stopped: step',
  `order at orders.js:${LINE + 1}`,
];

/** Runs a script in a Neovim without configuration, and gives the lines it printed. */
async function neovim(member: Member, script: string, variables: Record<string, string>): Promise<string[]> {
  const assignments = Object.entries(variables).map(([name, value]) => `arg_${name} = [[${value}]]`);
  const lua = `${assignments.join('; ')}; local ok, failure = pcall(dofile, [[${path.join(import.meta.dirname, 'neovim', script)}]]); if not ok then print(failure) end`;
  const runtime = PLUGIN === undefined ? [] : ['--cmd', `set runtimepath+=${PLUGIN}`];
  const editor = member.spawn('nvim', ['--clean', '--headless', ...runtime, '-c', `lua ${lua}`, '-c', 'qall!']);
  await editor.exited();
  return editor.output.split(/[\r\n]+/).filter((line) => line !== '');
}

function assertSeen(lines: readonly string[], expected: readonly (string | RegExp)[]): void {
  const all = lines.join('\n');
  assert.is(lines.length, expected.length, all);
  for (const [index, line] of expected.entries()) assert.match(lines[index] ?? '', line);
}

async function withOrders(act: (host: Member, file: string) => Promise<void>): Promise<void> {
  await withMembers(async ({ member }) => {
    const host = member('h', 'project');
    const file = path.join(host.folder, 'orders.js');
    writeFileSync(file, ORDERS);
    await host.ask('sandbox.open', 'open', '--private');
    host.start('run', '-q', '--private', '--', 'node', 'orders.js');
    await eventually('the program to run', async () => {
      const { targets } = await host.see('target.list');
      return targets.find(({ state }) => state === 'running');
    });
    await act(host, file);
    const { breakpoints } = await host.see('breakpoint.list');
    assert.equal(breakpoints, []);
    const { targets } = await host.ask('target.list', 'targets');
    assert.is(targets[0]?.state, 'running');
  });
}

unless(test, noNeovim, "Neovim's own Lua debugs at the port of sandmesh dap", () =>
  withOrders(async (host, file) => {
    const adapter = host.start('dap', '--port', '0', '--json');
    const [, port = ''] = await adapter.line(/"port": ?(\d+)/);
    const lines = await neovim(host, 'client.lua', { port, file, line: String(LINE) });
    assertSeen(lines, ['can wait: true', 'verified: true', ...SEEN, 'done']);
  }),
);

if (PLUGIN !== undefined) {
  unless(test, noNeovim, 'nvim-dap, configured as README.md says, debugs over stdio', () =>
    withOrders(async (host, file) => {
      symlinkSync(CLI, path.join(host.folder, 'sandmesh'));
      host.setVariable('PATH', `${host.folder}:${process.env['PATH']}`);
      const lines = await neovim(host, 'plugin.lua', { file, line: String(LINE) });
      assertSeen(lines, [...SEEN, 'done']);
    }),
  );
}

test.run();
