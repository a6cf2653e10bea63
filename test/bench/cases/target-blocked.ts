/** What a pause costs the program when it is answered at once, against Node's own inspector port. */

import { WebSocket } from 'ws';
import type { BenchCase } from '../bench-case.ts';
import type { BenchContext } from '../context.ts';
import { interleave } from '../interleave.ts';
import { armBreakpoint, hostProgram, PauseStream } from '../pair.ts';
import { addressOf, createProject, hit } from '../project.ts';
import { median } from '../statistics.ts';

const HITS = 100;

/** Median of some hits, one after the other. */
async function blockedMs(address: string): Promise<number> {
  const samples: number[] = [];
  for (let n = 0; n < HITS; n++) samples.push((await hit(address)).blockedMs);
  return median(samples);
}

async function underSandmesh(context: BenchContext): Promise<string> {
  const { client, project, target, address } = await hostProgram(context);
  await armBreakpoint(client, project.hitLine, project.folder);
  const pauses = new PauseStream(client);
  const resume = async (): Promise<void> => {
    for (;;) {
      await pauses.next();
      await client.call('execution.resume', { target });
    }
  };
  // ends when the case closes the client
  resume().catch(() => undefined);
  return address;
}

/** A client of the inspector port that does nothing but resume. */
async function underInspector(context: BenchContext): Promise<string> {
  const project = createProject(context);
  const [command = 'node', ...args] = project.argv;
  const program = context.program(command, ['--inspect=127.0.0.1:0', ...args], { cwd: project.folder });
  const url = (await program.line(/Debugger listening on (ws:\S+)/))[1] as string;
  const address = await addressOf(program);
  const socket = new WebSocket(url);
  let id = 0;
  const send = (method: string, params: object = {}): void => socket.send(JSON.stringify({ id: ++id, method, params }));
  await new Promise((resolve) => socket.once('open', resolve));
  context.onEnd(() => socket.terminate());
  const armed = new Promise<void>((resolve) => {
    socket.on('message', (text) => {
      const message: { id?: number; method?: string } = JSON.parse(String(text));
      if (message.method === 'Debugger.paused') send('Debugger.resume');
      if (message.id === 2) resolve();
    });
  });
  send('Debugger.enable');
  const lineNumber = Number(project.hitLine.split(':')[1]) - 1;
  send('Debugger.setBreakpointByUrl', { urlRegex: 'target\\.mjs$', lineNumber });
  await armed;
  return address;
}

export const benchCase: BenchCase = {
  name: 'target-blocked',
  title: 'how long a pause that is resumed at once blocks the program, median, against a client of node --inspect',
  unit: 'ms',
  better: 'lower',
  goal: 3,
  goalOf: 'ours',
  async run(context) {
    const [ours, inspector] = [await underSandmesh(context), await underInspector(context)];
    const { medians, notes } = await interleave(
      { ours: () => blockedMs(ours), 'node --inspect': () => blockedMs(inspector) },
      { rounds: context.rounds(5) },
    );
    return { ours: medians.ours, peers: { 'node --inspect': medians['node --inspect'] }, notes };
  },
};
