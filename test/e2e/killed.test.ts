// test: full
// test: limit 900 s
/**
 * Two daemons that share a sandbox are killed at random moments, both at once, again and again. After each death each
 * disk is judged alone, before anybody could have told it anything: what its daemon had acknowledged must be there.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LOG_NAME } from '#node/network/replication/checkpoints/checkpoint-storage.ts';
import { nodeEnvironment } from '#node/network/replication/environment.ts';
import { openSandbox } from '#node/network/replication/open-replica.ts';
import { loadOrCreateKey } from '#node/security/identity.ts';
import { NodeStorageFolder } from '#node/storage/storage-folder.ts';
import type { SandboxId } from '#shared/ids.ts';
import { randomFrom } from '#test/seed.ts';
import { eventually, type Member, withMembers } from './mesh/members.ts';

const KILLS = Number(process.env['KILLS'] ?? 200);
const DAEMON = path.resolve(import.meta.dirname, '../../.dist/daemon.cjs');

/** A member's daemon that this test can kill, and what it has promised so far. */
class Victim {
  readonly member: Member;
  readonly acknowledged = new Set<string>();
  #process: ChildProcess | undefined;
  #line = 0;

  constructor(member: Member) {
    this.member = member;
  }

  async start(): Promise<void> {
    const env = { ...process.env, SANDMESH_HOME: this.member.home, NODE_OPTIONS: '' };
    this.#process = spawn(process.execPath, [DAEMON], { env, stdio: ['ignore', 'ignore', 'inherit'] });
    await eventually('the daemon to answer', async () => {
      try {
        (await this.member.client()).close();
        return true;
      } catch {
        return undefined;
      }
    });
  }

  /** Sets breakpoints, four at a time, until the daemon is gone; `onPromise` hears of each that was acknowledged. */
  async work(onPromise: () => void): Promise<void> {
    const client = await this.member.client();
    const lane = async (): Promise<void> => {
      for (;;) {
        this.#line++;
        try {
          const { id } = await client.call('breakpoint.add', { location: `app.js:${this.#line}`, settleMs: 0 });
          this.acknowledged.add(id);
          onPromise();
        } catch {
          // Killed while it was being asked: it promised nothing.
          return;
        }
      }
    };
    await Promise.all([lane(), lane(), lane(), lane()]);
    client.close();
  }

  async kill(): Promise<void> {
    const victim = this.#process;
    this.#process = undefined;
    if (victim === undefined || victim.exitCode !== null || victim.signalCode !== null) return;
    const gone = once(victim, 'exit');
    victim.kill('SIGKILL');
    await gone;
  }

  /** Ids of the breakpoints on this disk, read from a copy with nobody else there. */
  async onDisk(sandbox: SandboxId): Promise<Set<string>> {
    const copy = mkdtempSync(path.join(tmpdir(), 'smk-'));
    try {
      cpSync(path.join(this.member.home, 'data', 'sandboxes', sandbox), copy, { recursive: true });
      const key = await loadOrCreateKey(path.join(this.member.home, 'data', 'keys', 'device.key'));
      const folder = new NodeStorageFolder(copy);
      const { replica } = await openSandbox({
        environment: nodeEnvironment(),
        folder,
        file: folder.open(LOG_NAME),
        deviceSigner: { publicKey: key.publicKey, sign: (message) => key.sign(message) },
        sandbox,
      });
      const ids = new Set(replica.document('debug').getMap('breakpoints').keys());
      await replica.stop();
      return ids;
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  }
}

test(`nothing acknowledged is lost when both daemons are killed, ${KILLS} times`, () =>
  withMembers(async ({ member }) => {
    const [host, guest] = [member('host', 'work'), member('guest', 'work')];
    const { sandbox, link } = await host.ask('sandbox.open', 'open');
    await guest.join(link as string, host, 'guest');
    await Promise.all([host.cli('stop'), guest.cli('stop')]);
    const victims = [new Victim(host), new Victim(guest)];
    const random = randomFrom(20261123);
    for (let round = 1; round <= KILLS; round++) {
      try {
        await Promise.all(victims.map((victim) => victim.start()));
        // Killed right behind a promise, with others under way: that is where a promise kept too late is lost.
        let left = 1 + Math.floor(random() * 12);
        let enough: () => void = () => undefined;
        const time = new Promise<void>((resolve) => {
          enough = resolve;
        });
        const working = victims.map((victim) =>
          victim.work(() => {
            left--;
            if (left === 0) enough();
          }),
        );
        await time;
        await Promise.all(victims.map((victim) => victim.kill()));
        await Promise.all(working);
      } finally {
        await Promise.all(victims.map((victim) => victim.kill()));
      }
      for (const victim of victims) {
        const kept = await victim.onDisk(sandbox.id);
        const lost = [...victim.acknowledged].filter((id) => !kept.has(id));
        assert.equal(lost, [], `round ${round}: ${victim.member.home}`);
      }
    }
    for (const victim of victims) assert.ok(victim.acknowledged.size >= KILLS / 2, 'promises were made');
  }));

test.run();
