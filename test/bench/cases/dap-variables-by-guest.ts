/** What an editor asks at every stop, at the guest's daemon, against asking the program's own inspector at its side. */

import type { ChildProcess } from 'node:child_process';
import type { EventEmitter } from 'node:events';
import { DebugClient } from '@vscode/debugadapter-testsupport';
import type { DebugProtocol } from '@vscode/debugprotocol';
import CDP from 'chrome-remote-interface';
import type { Protocol } from 'devtools-protocol';
import type { BenchCase } from '../bench-case.ts';
import type { BenchContext, Home } from '../context.ts';
import { interleave } from '../interleave.ts';
import { armBreakpoint, createPair, PauseStream } from '../pair.ts';
import { addressOf, type BenchProject, createProject, hit } from '../project.ts';
import { median } from '../statistics.ts';

const STOPS = 10;
const ASKED_PER_STOP = 20;

/** Asks again and again while it stands. @returns the median, in ms */
async function medianOf(ask: () => Promise<unknown>): Promise<number> {
  const samples: number[] = [];
  for (let n = 0; n < ASKED_PER_STOP; n++) {
    const started = performance.now();
    await ask();
    samples.push(performance.now() - started);
  }
  return median(samples);
}

class Editor extends DebugClient {
  constructor({ stdin, stdout }: ChildProcess) {
    super('', '', 'sandmesh');
    if (stdin === null || stdout === null) throw new Error('The adapter has no stdio');
    this.connect(stdout, stdin);
  }
}

/** A guest's editor over stdio. */
async function openEditor(context: BenchContext, home: Home, cwd: string): Promise<Editor> {
  const editor = new Editor(home.start(['dap'], { cwd, speaksProtocol: true }).child);
  context.onEnd(() => editor.disconnectRequest().then(() => undefined));
  await editor.initializeRequest({ adapterID: 'sandmesh', clientID: 'bench', pathFormat: 'path' });
  await editor.attachRequest({} as DebugProtocol.AttachRequestArguments);
  await editor.configurationDoneRequest();
  return editor;
}

async function editorLooks(editor: Editor): Promise<void> {
  const { body: stack } = await editor.stackTraceRequest({ threadId: 1, startFrame: 0, levels: 20 });
  const { body: scopes } = await editor.scopesRequest({ frameId: stack.stackFrames[0]?.id ?? 0 });
  const { body } = await editor.variablesRequest({ variablesReference: scopes.scopes[0]?.variablesReference ?? 0 });
  if (!body.variables.some(({ name }) => name === 'hitAt')) throw new Error('The editor does not see the locals');
}

/** The same program with its inspector open, stopped at the line by chrome-remote-interface. */
async function inspected(
  context: BenchContext,
  { argv, folder, hitLine }: BenchProject,
): Promise<(round: (look: () => Promise<void>) => Promise<number>) => Promise<number>> {
  const [command = 'node', ...args] = argv;
  const program = context.program(command, ['--inspect=127.0.0.1:0', ...args], { cwd: folder });
  const [, port] = await program.line(/ws:\/\/127\.0\.0\.1:(\d+)\//);
  const address = await addressOf(program);
  const client = await CDP({ host: '127.0.0.1', port: Number(port) });
  context.onEnd(() => client.close());
  const { Debugger, Runtime } = client;
  await Promise.all([Runtime.enable(), Debugger.enable({})]);
  const [file = '', line] = hitLine.split(':');
  await Debugger.setBreakpointByUrl({ urlRegex: `${file}$`, lineNumber: Number(line) - 1 });
  return async (round) => {
    const paused = new Promise<Protocol.Debugger.PausedEvent>((resolve) =>
      (client as unknown as EventEmitter).once('Debugger.paused', resolve),
    );
    const answer = hit(address);
    const { callFrames } = await paused;
    const objectId = callFrames[0]?.scopeChain[0]?.object.objectId ?? '';
    // The frames and their scopes came with the stop.
    const took = await round(async () => {
      const { result } = await Runtime.getProperties({ objectId, ownProperties: true, generatePreview: true });
      if (!result.some(({ name }) => name === 'hitAt')) throw new Error('The inspector does not see the locals');
    });
    await client.send('Debugger.resume');
    await answer;
    return took;
  };
}

export const benchCase: BenchCase = {
  name: 'dap-variables-by-guest',
  title:
    'stackTrace, scopes and variables from the guest’s editor, median, against the inspector at the program’s side',
  unit: 'ms',
  better: 'lower',
  goal: 1.5,
  goalOf: 'ratio',
  async run(context) {
    const { guest, guestHome, project, target, address } = await createPair(context);
    await armBreakpoint(guest, project.hitLine, project.folder);
    const editor = await openEditor(context, guestHome, context.folder);
    const pauses = new PauseStream(guest);
    const atInspector = await inspected(context, createProject(context));
    const { medians, notes } = await interleave(
      {
        ours: async () => {
          const answer = hit(address);
          await pauses.next();
          const took = await medianOf(() => editorLooks(editor));
          await guest.call('execution.resume', { target });
          await answer;
          return took;
        },
        'chrome-remote-interface': () => atInspector(medianOf),
      },
      { rounds: context.rounds(STOPS) },
    );
    const peers = { 'chrome-remote-interface': medians['chrome-remote-interface'] };
    return { ours: medians.ours, peers, notes };
  },
};
