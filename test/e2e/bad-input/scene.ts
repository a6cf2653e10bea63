/**
 * One member with a daemon, to whom something goes wrong. Whatever it was: the same daemon must live on, have no
 * fault of its own in its log, and leave no process and no socket when it is stopped.
 */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { type HomePaths, homePaths } from '#protocol/home-paths.ts';
import type { ErrorCode } from '#shared/errors.ts';
import { eventually, type Meeting, type Member, type Outcome, withMembers } from '../mesh/members.ts';
import { isAlive, socketFiles } from '../mesh/traces.ts';

/** The bundles under test. */
export const CLI = path.resolve(import.meta.dirname, '../../../.dist/cli.cjs');
export const DAEMON = path.resolve(import.meta.dirname, '../../../.dist/daemon.cjs');

export interface Scene extends Meeting {
  readonly host: Member;
  /** The pid of its daemon. */
  readonly daemon: number;
  /** Writes a file into the host's folder. @returns its name */
  file(name: string, text: string): string;
}

/** Runs `body` with a daemon that is up, and checks afterwards that it took no harm. */
export async function withScene(body: (scene: Scene) => Promise<void>): Promise<void> {
  await withMembers(async (meeting) => {
    const members: Member[] = [];
    const member: Meeting['member'] = (...where) => {
      const created = meeting.member(...where);
      members.push(created);
      return created;
    };
    const host = member('h', 'p');
    const file = (name: string, text: string): string => {
      writeFileSync(path.join(host.folder, name), text);
      return name;
    };
    file('package.json', '{ "name": "trial" }\n');
    await host.ask('sandbox.open', 'open');
    const daemon = await host.daemonPid();
    await body({ ...meeting, member, host, daemon, file });
    assert.is(await host.daemonPid(), daemon, 'the daemon lives on');
    assert.equal(faults(host), []);
    await Promise.all(members.map((each) => each.end()));
    await nothingLeft(meeting.base);
  });
}

export function pathsOf({ home }: Member): HomePaths {
  return homePaths({ env: { SANDMESH_HOME: home }, platform: process.platform, homedir: homedir() });
}

/** Errors in the daemon's log, as it wrote them. */
export function faults(member: Member): string[] {
  const lines = readFileSync(pathsOf(member).logFile, 'utf8').trim().split('\n');
  return lines.filter((line) => ((JSON.parse(line) as { level?: number }).level ?? 0) >= 50);
}

/** Waits until no process that was started for a home below `base` lives, and checks that no socket is left there. */
export async function nothingLeft(base: string): Promise<void> {
  await eventually('every process to end', () => (processesOf(base).length === 0 ? true : undefined));
  assert.equal(socketFiles(base), []);
}

function processesOf(base: string): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => isAlive(pid) && environmentOf(pid).includes(`SANDMESH_HOME=${base}/`));
}

function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    // it ended meanwhile
    return '';
  }
}

export interface Expected {
  readonly exit: number;
  readonly code: ErrorCode;
  /** What the message and its hint must hold: what failed, with the value, and what to do. */
  readonly says: readonly (string | RegExp)[];
}

/** Asks as a person does, then as a program does: both must be told, in their way. */
export async function refuses(member: Member, args: readonly string[], expected: Expected): Promise<Outcome> {
  const told = await member.cli(...args);
  const line = `sandmesh ${args.join(' ').slice(0, 80)}`;
  assert.is(told.code, expected.exit, `${line} exited with ${told.code}: ${told.stderr}${told.stdout}`);
  assert.is(told.stdout, '', `${line} printed a result`);
  for (const part of expected.says) assert.match(told.stderr, part, `${line} said: ${told.stderr}`);
  const json = await member.cli('--json', ...args);
  const { error } = JSON.parse(json.stdout) as { error?: { code: string; hint?: string } };
  assert.is(error?.code, expected.code, json.stdout);
  assert.is(json.code, expected.exit);
  assert.ok((error?.hint ?? '') !== '', `${line} does not say what to do: ${json.stdout}`);
  return told;
}
