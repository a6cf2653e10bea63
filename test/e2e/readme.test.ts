// test: limit 120 s
/** The programs that README shows, taken from it letter for letter and run in a project that has sandmesh installed. */

import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { commandMissing, unless } from '../skip.ts';
import { armed, COUNTER, COUNTER_LINE, pauseSeenBy, request, targetSeenBy } from './mesh/debugging.ts';
import { type Member, withMembers } from './mesh/members.ts';

const root = path.resolve(import.meta.dirname, '../..');

/** The code blocks of one language in a section, in their order. */
function examples(section: string, language: string): string[] {
  const text = readFileSync(path.join(root, 'README.md'), 'utf8');
  const body = text.split(/^## /m).find((part) => part.startsWith(`${section}\n`)) ?? '';
  return [...body.matchAll(/^```(\w*)\n(.*?)^```$/gms)].flatMap(([, of, code]) =>
    of === language ? [code as string] : [],
  );
}

/** Puts packages where `npm install` would. */
function install(folder: string, ...packages: string[]): void {
  mkdirSync(path.join(folder, 'node_modules/.bin'), { recursive: true });
  symlinkSync(root, path.join(folder, 'node_modules/sandmesh'));
  symlinkSync(path.join(root, '.dist/cli.cjs'), path.join(folder, 'node_modules/.bin/sandmesh'));
  for (const name of packages)
    symlinkSync(path.join(root, 'node_modules', name), path.join(folder, 'node_modules', name));
}

async function withProject(body: (member: Member) => Promise<void>): Promise<void> {
  await withMembers(async ({ member }) => {
    const host = member('h', 'project');
    install(host.folder, 'yjs', 'y-websocket', 'ws');
    await body(host);
  });
}

function startScript(host: Member, name: string, code: string | undefined): ReturnType<Member['spawn']> {
  assert.ok(code, `README has no example for ${name}`);
  writeFileSync(path.join(host.folder, name), code);
  return host.spawn(process.execPath, [name]);
}

unless(test, commandMissing('curl') ?? commandMissing('jq'), 'the lines for curl name the sandbox', () =>
  withProject(async (host) => {
    const { sandbox } = await host.ask('sandbox.open', 'open');
    const lines = examples('The local API', '')[0]?.replace(/^\$ /gm, '') ?? '';
    assert.match(lines, 'curl');
    const shell = host.spawn('bash', ['-euc', lines]);
    await shell.line(new RegExp(`"id":"${sandbox.id}"`));
    assert.is(await shell.exited(), 0);
  }),
);

test('the first program prints where the program stands', () =>
  withProject(async (host) => {
    writeFileSync(path.join(host.folder, 'counter.js'), COUNTER);
    const run = host.start('run', '-q', '--', 'node', 'counter.js');
    const [, port] = await run.line(/^port (\d+)$/);
    const client = await host.client();
    const { id: target } = await targetSeenBy(client);
    const { id } = await host.ask('breakpoint.add', 'break', 'add', `counter.js:${COUNTER_LINE}`);
    await armed(client, id);
    const watching = startScript(host, 'watch.mjs', examples('The local API', 'js')[0]);
    // It subscribes at some moment, and is told of what comes then: so the program stops until it was.
    let isTold = false;
    const told = watching.line(/functionName: 'handle'/).finally(() => {
      isTold = true;
    });
    do {
      const answer = request(`http://127.0.0.1:${port}/`);
      await pauseSeenBy(client, target);
      await host.ask('execution.resume', 'resume', '--target', target);
      await answer;
    } while (!isTold);
    await told;
    assert.match(watching.output, new RegExp(`^${target} `, 'm'));
  }));

test('the second program shares a text, and ends when it is durable', () =>
  withProject(async (host) => {
    await host.ask('sandbox.open', 'open');
    const [, code] = examples('The local API', 'js');
    assert.is(await startScript(host, 'share.mjs', code).exited(), 0);
    process.kill(await host.daemonPid(), 'SIGKILL');
    const reading = (code as string)
      .replace(/^shared\.doc\..*$/m, "await new Promise((synced) => shared.provider.once('sync', synced));")
      .replace(/^await shared\.durable.*$/m, "console.log(shared.doc.getText('notes').toString());");
    await host.ask('sandbox.open', 'open');
    const reader = startScript(host, 'read.mjs', reading);
    await reader.line(/^who rounds here\?$/);
    assert.is(await reader.exited(), 0);
  }));

test.run();
