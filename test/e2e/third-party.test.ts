// test: limit 180 s
/**
 * Programs nobody here wrote, unmodified, debugged by two members: one CommonJS, one ES modules compiled from
 * TypeScript. The guest has no checkout, and nothing is left when both have gone.
 */

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Frame } from '#shared/model/pause.ts';
import { unless } from '../skip.ts';
import { armed, LINK, pauseSeenBy, request, targetSeenBy } from './mesh/debugging.ts';
import { eventually, type Meeting, type Member, withMembers } from './mesh/members.ts';
import { isAlive, listeners, noProc, openPorts, socketFiles } from './mesh/traces.ts';
import { createNpmProject, packageFile } from './npm-project.ts';

interface ThirdParty {
  readonly package: string;
  readonly argv: readonly string[];
  /** The statement to stop at: the first line of this file of the package that holds `statement` after `within`. */
  readonly file: string;
  readonly within: string;
  readonly statement: string;
  readonly url: string;
  /** Code that holds in the frame, and what it gives. */
  readonly expression: string;
  readonly value: string;
  readonly functionName: string;
  readonly answer: unknown;
}

const jsonServer: ThirdParty = {
  package: 'json-server',
  argv: ['node_modules/json-server/lib/cli/bin.js', '--quiet', '--host', '127.0.0.1', '--port', '0', 'db.json'],
  file: 'lib/server/router/plural.js',
  within: 'function show(req, res, next)',
  statement: 'res.locals.data = clone;',
  url: '/teas/2',
  expression: 'clone.name + " " + req.params.id',
  value: 'Assam 2',
  functionName: 'show',
  answer: { id: 2, name: 'Assam' },
};

const oauthServer: ThirdParty = {
  package: 'oauth2-mock-server',
  argv: ['node_modules/oauth2-mock-server/dist/oauth2-mock-server.js', '-a', '127.0.0.1', '-p', '0'],
  file: 'dist/shared/oauth2-server.js',
  within: 'userInfoHandler = (req, res) =>',
  statement: 'this.emit(',
  url: '/userinfo',
  expression: 'userInfoResponse.body.sub + " " + req.path',
  value: 'johndoe /userinfo',
  functionName: 'userInfoHandler',
  answer: { sub: 'johndoe' },
};

/** 1-based. */
function lineOf({ package: name, file, within, statement }: ThirdParty): number {
  const lines = readFileSync(packageFile(name, file), 'utf8').split('\n');
  const start = lines.findIndex((line) => line.includes(within));
  return lines.findIndex((line, index) => index > start && line.includes(statement)) + 1;
}

const TEAS = [
  { id: 1, name: 'Darjeeling' },
  { id: 2, name: 'Assam' },
];

function place({ functionName, file, line }: Frame): unknown {
  return { functionName, package: file?.package?.replace(/@.*/, ''), path: file?.path, line };
}

/** Evaluates, drives and lets run, from the guest's terminal. */
async function drive(program: ThirdParty, host: Member, guest: Member): Promise<void> {
  const [evaluated] = await Promise.all([
    guest.ask('inspect.evaluate', 'eval', program.expression),
    host.approveNext('consent'),
  ]);
  assert.is(evaluated.threw, false);
  assert.match(evaluated.result.value, program.value);

  assert.is((await guest.ask('lease.take', 'lease', 'take')).held, true);
  assert.is(await host.refusal('step', 'over'), 'LEASE_HELD');
  const { pause } = await guest.ask('execution.step', 'step', 'over');
  assert.is(pause?.reason, 'step');
  assert.is(pause?.frames[0]?.functionName.endsWith(program.functionName), true, pause?.frames[0]?.functionName);
  assert.ok((pause?.frames[0]?.line ?? 0) > lineOf(program));
  await guest.ask('execution.resume', 'resume');
}

async function debugTogether({ base, member }: Meeting, program: ThirdParty): Promise<void> {
  const folder = path.join(base, 'project');
  createNpmProject(folder, [program.package], {
    'package.json': '{ "name": "tea-catalogue", "version": "1.0.0" }\n',
    'db.json': JSON.stringify({ teas: TEAS }),
  });
  const host = member('h', folder);
  const guest = member('g', 'elsewhere');
  const run = host.start('run', '-q', '--', 'node', ...program.argv);
  const [link] = await run.line(LINK);
  const joined = await guest.join(link, host, 'alice');
  assert.equal([joined.bound, joined.sandbox.role], [false, 'debugger']);
  const [atHost, atGuest] = [await host.client(), await guest.client()];
  const target = await targetSeenBy(atGuest);
  const port = await eventually('the port of the program', () => listeners(target.pid)[0]?.port);

  const location = `${program.package}/${program.file}:${lineOf(program)}`;
  const { id } = await guest.ask('breakpoint.add', 'break', 'add', location);
  await armed(atGuest, id);
  const answer = request(`http://127.0.0.1:${port}${program.url}`);
  const pause = await pauseSeenBy(atGuest, target.id);
  assert.equal(pause, await pauseSeenBy(atHost, target.id));
  assert.equal(pause.hitBreakpoints, [id]);
  const [stackAtGuest, stackAtHost] = await Promise.all([
    guest.ask('inspect.stack', 'stack'),
    host.ask('inspect.stack', 'stack'),
  ]);
  assert.is(stackAtGuest.pause.id, pause.id);
  assert.equal(stackAtGuest.pause.frames, stackAtHost.pause.frames);
  const [top] = stackAtGuest.pause.frames;
  assert.ok(top?.functionName.endsWith(program.functionName), top?.functionName);
  assert.equal(top === undefined ? undefined : place(top), {
    functionName: top?.functionName,
    package: program.package,
    path: program.file,
    line: lineOf(program),
  });

  await drive(program, host, guest);
  assert.equal(await answer, program.answer);

  const pids = [run.pid, target.pid, await host.daemonPid(), await guest.daemonPid()];
  const ports = listeners(...pids).map((listener) => listener.port);
  assert.ok(ports.length >= 2, `program and host listen, found ${ports}`);
  assert.ok(socketFiles(base).length >= 2);
  await guest.ask('sandbox.leave', 'leave', '--yes');
  await guest.ask('daemon.stop', 'stop');
  run.child.kill('SIGINT');
  await run.exited();
  await host.ask('daemon.stop', 'stop');
  await eventually('every process to end', () => (pids.some(isAlive) ? undefined : true));
  assert.equal(openPorts(ports), []);
  assert.equal(socketFiles(base), []);
}

for (const [title, program] of [
  ['json-server, CommonJS: two members debug a request in its router', jsonServer],
  ['oauth2-mock-server, ES modules from TypeScript: two members debug a request in its service', oauthServer],
] as const) {
  unless(test, noProc, title, () => withMembers((meeting) => debugTogether(meeting, program)));
}

test.run();
