// test: limit 240 s
/** `attach --ssh`: a program of another machine, which has no sandmesh, through a tunnel that ends with the session. */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Program } from '#test/bench/programs.ts';
import { unless } from '../skip.ts';
import { armed, COUNTER, COUNTER_LINE, pauseSeenBy, request } from './mesh/debugging.ts';
import { eventually, type Member, withMembers } from './mesh/members.ts';
import { listeners, noProc } from './mesh/traces.ts';
import { noSsh, type SshServer, withSshServer } from './ssh/server.ts';

const obstacle = noSsh ?? noProc;

function withRemote(act: (host: Member, server: SshServer) => Promise<void>): Promise<void> {
  return withMembers(({ base, member }) =>
    withSshServer(path.join(base, 'ssh'), async (server) => {
      const host = member('h', 'project');
      host.setVariable('PATH', `${server.bin}:${process.env['PATH']}`);
      writeFileSync(path.join(host.folder, 'counter.js'), COUNTER);
      await act(host, server);
    }),
  );
}

/** The "remote" program; on a port of its own choice, since 9229 belongs to whoever else tests here. */
async function startCounter(host: Member): Promise<{ program: Program; url: string }> {
  const program = host.spawn(process.execPath, ['--inspect-port=0', 'counter.js']);
  const [, port] = await program.line(/^port (\d+)$/);
  return { program, url: `http://127.0.0.1:${port}/` };
}

async function attach(host: Member, { pid }: Program): Promise<string> {
  const { code, stdout, stderr } = await host.cli('attach', '--private', '--ssh', 'there', String(pid), '--json');
  assert.is(code, 0, stderr + stdout);
  const { target } = JSON.parse(stdout) as { target: { id: string; pid: number } };
  assert.is(target.pid, pid);
  return target.id;
}

function tunnelEnds(server: SshServer): Promise<true> {
  return eventually('the tunnel to end', () => (server.clients().length === 0 ? true : undefined), 40_000);
}

unless(test, obstacle, 'a program there stops, tells and steps; detached, it runs on with its inspector closed', () =>
  withRemote(async (host, server) => {
    const { program, url } = await startCounter(host);
    const target = await attach(host, program);
    assert.is(server.clients().length, 1);
    const { id } = await host.ask('breakpoint.add', 'break', `counter.js:${COUNTER_LINE}`);
    const client = await host.client();
    await armed(client, id);
    const answer = request(url);
    const { frames } = await pauseSeenBy(client, target);
    assert.equal([frames[0]?.functionName, frames[0]?.line], ['handle', COUNTER_LINE]);
    const { result } = await client.call('inspect.evaluate', { target, expression: 'count + 1' });
    assert.is(result.value, '1');
    await host.ask('execution.step', 'step');
    await host.ask('target.detach', 'detach');
    assert.equal(await answer, { count: 1, url: '/' });
    await tunnelEnds(server);
    await eventually('its inspector to close', () => (listeners(program.pid).length === 1 ? true : undefined));
  }),
);

unless(test, obstacle, 'a program that ends takes the tunnel with it', () =>
  withRemote(async (host, server) => {
    const { program } = await startCounter(host);
    await attach(host, program);
    await program.stop();
    await tunnelEnds(server);
    const { targets } = await host.ask('target.list', 'targets');
    assert.not.ok(targets.some(({ state }) => state === 'running' || state === 'paused'));
  }),
);

unless(test, obstacle, 'what cannot be reached or attached to is said, and no login stays', () =>
  withRemote(async (host, server) => {
    const { program } = await startCounter(host);
    const pid = String(program.pid);
    const sleeper = host.spawn('sleep', ['300']);
    const fails = async (destination: string, process: string, code: string, says: RegExp): Promise<void> => {
      const { stdout } = await host.cli('attach', '--private', '--ssh', destination, process, '--json');
      const { error } = JSON.parse(stdout) as { error: { code: string; message: string; hint: string } };
      assert.is(error.code, code, stdout);
      assert.match(error.message, says);
      assert.ok(error.hint.length > 0);
    };
    await fails('nobody', pid, 'PEER_UNREACHABLE', /nobody by ssh: no ssh server listens there/);
    await fails('stranger', pid, 'UNAUTHENTICATED', /refused your key/);
    await fails('unknown', pid, 'UNAUTHENTICATED', /host key is unknown/);
    await fails('there', '999999999', 'PROCESS_UNKNOWN', /On there: .*999999999: there is no such process/);
    await fails('there', String(sleeper.pid), 'PROCESS_NOT_NODE', /which is not Node/);
    await fails('there', 'counter', 'BAD_ARGUMENT', /by its pid there/);
    await fails('-oProxyCommand=true', pid, 'BAD_ARGUMENT', /is no user@host/);
    await tunnelEnds(server);
  }),
);

test.run();
