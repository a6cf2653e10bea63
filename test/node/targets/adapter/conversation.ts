/**
 * A conversation with a real debug adapter, as it was recorded: the same has to be asked in the same order, and what the
 * adapter said comes again once everything was asked that it was said after. With its name in SANDMESH_TEST_RECORD the adapter itself
 * answers, and is recorded.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { AdapterProcess } from '#node/targets/adapter/adapter-process.ts';
import type { AdapterLaunch } from '#node/targets/adapter/recipes.ts';
import { DapDecoder, encodeDapMessage } from '#protocol/dap-framing.ts';

const APPS = path.resolve(import.meta.dirname, '../../../apps/languages');
const RECORDED = path.join(import.meta.dirname, 'recorded');
/** Stands for the folder of the program, which is another one on each machine. */
const FOLDER = '{folder}';
/** Where the language's own sources lie, which is of no interest to us either. */
const OWN_SOURCES: readonly (readonly [RegExp, string])[] = [[/"(?:\/[\w.@-]+)*\/go(?:-[\d.]+)?\/src\//g, '"/go/src/']];
/** About the machine it was recorded on, and of no interest to us. */
const LEFT_OUT = new Set(['module', 'debugpySockets', 'loadedSource']);

type Request = DebugProtocol.Request;
type Said = DebugProtocol.Response | DebugProtocol.Event;
/** What was said to the adapter, or by it. */
type Entry = { to: Request } | { from: Said };

interface Conversation {
  readonly process: AdapterProcess;
  /** Folder of the program. */
  readonly folder: string;
  /** Exit codes that whoever started the program was told. */
  readonly exits: readonly number[];
}

/** The other side of a link: the adapter, or its recording. */
interface Side {
  send(message: object): void;
  end(): Promise<void>;
}

/**
 * @param name of the recording
 * @throws when something is asked that was not, or left unasked that was
 */
export async function withConversation(
  name: string,
  launch: AdapterLaunch,
  body: (conversation: Conversation) => Promise<void>,
): Promise<void> {
  const exits: number[] = [];
  const say = (message: object): void => process.receive(message);
  const side = isRecording(name) ? new Recorder(name, launch, say) : new Playback(name, say);
  const process = new AdapterProcess({
    launch,
    program: { argv: [name], folder: APPS },
    id: 'recorded',
    adapterPid: undefined,
    link: {
      send: (message) => side.send(message),
      exited: (code) => void exits.push(code),
      close: () => undefined,
    },
  });
  // Delve does not say which process it started: what waits for that keeps nothing alive.
  const alive = setInterval(() => undefined, 1_000);
  try {
    await body({ process, folder: APPS, exits });
  } finally {
    clearInterval(alive);
    try {
      await side.end();
    } finally {
      await process.closed();
    }
  }
}

function isRecording(name: string): boolean {
  return process.env['SANDMESH_TEST_RECORD'] === name;
}

class Playback implements Side {
  readonly #entries: Entry[];
  readonly #say: (message: object) => void;
  /** Numbers as recorded → as asked now. */
  readonly #asked = new Map<number, number>();
  readonly #strangers: string[] = [];
  #at = 0;

  constructor(name: string, say: (message: object) => void) {
    const text = readFileSync(fileOf(name), 'utf8').replaceAll(FOLDER, APPS);
    this.#entries = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Entry);
    this.#say = say;
  }

  send(message: object): void {
    const { seq, ...asked } = message as Request;
    const next = this.#entries.find((entry) => 'to' in entry && !this.#asked.has(entry.to.seq));
    const { seq: as, ...wanted } = next !== undefined && 'to' in next ? next.to : { seq: -1 };
    if (JSON.stringify(wanted) !== JSON.stringify(asked)) {
      this.#strangers.push(JSON.stringify(asked));
      const refusal = { type: 'response', request_seq: seq, command: asked.command, success: false };
      return void setImmediate(() => this.#say({ ...refusal, message: 'not recorded' }));
    }
    this.#asked.set(as, seq);
    setImmediate(() => this.#proceed());
  }

  async end(): Promise<void> {
    // What is on its way arrives: a turn for each.
    for (const _entry of this.#entries) await new Promise((resolve) => setImmediate(resolve));
    const left = this.#entries.slice(this.#at).map((entry) => JSON.stringify(entry).slice(0, 200));
    const problems = [
      ...this.#strangers.map((text) => `not recorded: ${text}`),
      ...left.map((text) => `left: ${text}`),
    ];
    if (problems.length > 0) throw new Error(problems.join('\n'));
  }

  #proceed(): void {
    for (; this.#at < this.#entries.length; this.#at += 1) {
      const entry = this.#entries[this.#at] as Entry;
      if ('to' in entry) {
        if (this.#asked.has(entry.to.seq)) continue;
        return;
      }
      const { from } = entry;
      this.#at += 1;
      const request_seq = 'request_seq' in from ? this.#asked.get(from.request_seq) : undefined;
      this.#say(request_seq === undefined ? from : { ...from, request_seq });
      // Whatever it leads to comes before the next.
      return void setImmediate(() => this.#proceed());
    }
  }
}

class Recorder implements Side {
  readonly #name: string;
  readonly #say: (message: object) => void;
  readonly #entries: Entry[] = [];
  readonly #waiting: Uint8Array[] = [];
  readonly #server: Server | undefined;
  #child: ChildProcess | undefined;
  #out: Writable | undefined;

  constructor(name: string, { commands }: AdapterLaunch, say: (message: object) => void) {
    this.#name = name;
    this.#say = say;
    const command = commands[0] ?? [];
    if (!command.some((word) => word.includes('{port}'))) {
      const { stdin, stdout } = this.#start(command);
      if (stdin !== null && stdout !== null) this.#meet(stdout, stdin);
      return;
    }
    const server = createServer((socket) => this.#meet(socket, socket));
    this.#server = server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      this.#start(command.map((word) => word.replace('{port}', String(port))));
    });
  }

  send(message: object): void {
    this.#entries.push({ to: message as Request });
    const bytes = encodeDapMessage(message);
    if (this.#out === undefined) this.#waiting.push(bytes);
    else this.#out.write(bytes);
  }

  async end(): Promise<void> {
    this.#child?.kill();
    this.#server?.close();
    const lines = this.#entries.map((entry) => {
      const text = JSON.stringify(entry).replaceAll(APPS, FOLDER);
      return OWN_SOURCES.reduce((before, [pattern, neutral]) => before.replaceAll(pattern, neutral), text);
    });
    writeFileSync(fileOf(this.#name), `${lines.join('\n')}\n`);
  }

  #start([command = '', ...args]: readonly string[]): ChildProcess {
    // What an adapter builds on its way is left there.
    this.#child = spawn(command, args, { cwd: tmpdir(), stdio: ['pipe', 'pipe', 'inherit'] });
    return this.#child;
  }

  #meet(from: Readable, to: Writable): void {
    this.#out = to;
    for (const bytes of this.#waiting.splice(0)) to.write(bytes);
    const decoder = new DapDecoder();
    from.on('data', (chunk: Buffer) => {
      for (const message of decoder.push(chunk) as Said[]) {
        const isLeftOut = message.type === 'event' && LEFT_OUT.has((message as DebugProtocol.Event).event);
        if (isLeftOut || isTelemetry(message)) continue;
        this.#entries.push({ from: message });
        this.#say(message);
      }
    });
  }
}

function isTelemetry(message: Said): boolean {
  return (message.body as { category?: string } | undefined)?.category === 'telemetry';
}

function fileOf(name: string): string {
  return path.join(RECORDED, `${name}.jsonl`);
}
