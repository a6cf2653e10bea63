/** An editor's debug client (the one of `@vscode/debugadapter-testsupport`) at `sandmesh dap`, and what it was told. */

import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { DebugClient } from '@vscode/debugadapter-testsupport';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { encodeDapMessage } from '#protocol/dap-framing.ts';
import type { Program } from '#test/bench/programs.ts';
import { eventually, type Member } from '../mesh/members.ts';

const INITIALIZE: DebugProtocol.InitializeRequestArguments = {
  adapterID: 'sandmesh',
  clientID: 'test',
  linesStartAt1: true,
  columnsStartAt1: true,
  pathFormat: 'path',
  supportsProgressReporting: true,
};

/** What a client is told about a stop. */
/** The value of a variable before its declaration; V8 tells the two apart from Node 22 on. */
export const NOT_DECLARED = /^(?:undefined|<unavailable>)$/;

export type Stopped = DebugProtocol.StoppedEvent['body'];

type TerminalRequest = DebugProtocol.RunInTerminalRequest;

export class Editor extends DebugClient {
  /** The adapter's process; undefined: connected to a port. */
  readonly #adapter: Program | undefined;
  readonly events: DebugProtocol.Event[] = [];
  /** What it was asked to run in its terminal. */
  readonly terminals: { readonly asked: TerminalRequest['arguments']; readonly program: Program }[] = [];
  readonly #seen = new Map<string, number>();

  private constructor(adapter: Program | undefined) {
    super('', '', 'sandmesh');
    this.#adapter = adapter;
    // An event of its own name each, and no wildcard: the client emits what it reads before anybody can ask.
    const emit = this.emit.bind(this);
    this.emit = (name: string | symbol, ...args: unknown[]): boolean => {
      const [event] = args as [DebugProtocol.Event | undefined];
      if (event?.type === 'event') this.events.push(event);
      return emit(name, ...args);
    };
    if (adapter === undefined) return;
    // What it was asked and did not answer fails with it, in its own words: the client would wait for ever.
    const gone = new Promise<never>((_resolve, reject) => {
      adapter.child.once('close', (code) => reject(new Error(`The adapter ended (${code}):\n${adapter.output}`)));
    });
    gone.catch(() => undefined);
    const send = this.send.bind(this) as unknown as (command: string, args: unknown) => Promise<never>;
    this.send = (command: string, args?: unknown): Promise<never> => Promise.race([send(command, args), gone]);
  }

  /** Starts an adapter over stdio in a member's folder and says hello. */
  static async open(
    member: Member,
    said: Partial<DebugProtocol.InitializeRequestArguments> = {},
    ...options: string[]
  ): Promise<Editor> {
    const editor = new Editor(member.start('dap', ...options));
    editor.#answerWith((asked) => {
      const [command = '', ...args] = asked.args;
      const env = Object.fromEntries(
        Object.entries(asked.env ?? {}).map(([name, value]) => [name, value ?? undefined]),
      );
      const program = member.spawn(command, args, { cwd: asked.cwd, env });
      editor.terminals.push({ asked, program });
      return program;
    });
    const { stdout, stdin } = editor.adapter.child;
    if (stdout === null || stdin === null) throw new Error('The adapter has no stdio');
    editor.connect(stdout, stdin);
    await editor.initializeRequest({ ...INITIALIZE, ...said });
    return editor;
  }

  /** Connects to a port of this machine instead. */
  static async connectTo(port: number): Promise<Editor> {
    const editor = new Editor(undefined);
    await editor.start(port);
    await editor.initializeRequest(INITIALIZE);
    return editor;
  }

  /** The client drops requests to itself: `runInTerminal` is answered here. */
  #answerWith(run: (asked: TerminalRequest['arguments']) => Program): void {
    const client = this as unknown as { dispatch(text: string): void; outputStream: Writable };
    const dispatch = client.dispatch.bind(client);
    client.dispatch = (text) => {
      const message: DebugProtocol.ProtocolMessage = JSON.parse(text);
      if (message.type !== 'request') return dispatch(text);
      const { seq, command, arguments: asked } = message as TerminalRequest;
      const answer = { seq: 1_000_000 + seq, type: 'response', request_seq: seq, command, success: true };
      const body = { processId: run(asked).pid };
      client.outputStream.write(encodeDapMessage({ ...answer, body }));
    };
  }

  get adapter(): Program {
    if (this.#adapter === undefined) throw new TypeError('It is connected to a port');
    return this.#adapter;
  }

  /** Of the request that is made next. */
  get nextSeq(): number {
    return (this as unknown as { sequence: number }).sequence;
  }

  /** Goes without a word. */
  cut(): void {
    (this as unknown as { _socket: Socket })._socket.destroy();
  }

  /** Says nothing more; what it said before arrives. */
  hangUp(): void {
    (this as unknown as { _socket: Socket })._socket.end();
  }

  /** Attaches and says that it has set what it wants set. */
  async attachTo(args: object, configure: () => Promise<unknown> = async () => undefined): Promise<void> {
    await this.attachRequest(args as DebugProtocol.AttachRequestArguments);
    await configure();
    await this.configurationDoneRequest();
  }

  async launchWith(args: object, configure: () => Promise<unknown> = async () => undefined): Promise<void> {
    const launched = this.launchRequest(args as DebugProtocol.LaunchRequestArguments);
    let isRefused = false;
    launched.catch(() => {
      isRefused = true;
    });
    await eventually('the launch', () => isRefused || this.count('initialized') > 0 || undefined);
    if (isRefused) return void (await launched);
    await configure();
    await this.configurationDoneRequest();
    await launched;
  }

  /** The next event of a name that was not asked for yet, in the order they came. */
  next<T extends DebugProtocol.Event>(name: string, test: (event: T) => boolean = () => true): Promise<T> {
    return eventually(`the event "${name}"`, () => {
      for (let at = this.#seen.get(name) ?? 0; at < this.events.length; at += 1) {
        const event = this.events[at] as T;
        if (event.event !== name || !test(event)) continue;
        this.#seen.set(name, at + 1);
        return event;
      }
      return undefined;
    });
  }

  async stopped(): Promise<Stopped> {
    return (await this.next<DebugProtocol.StoppedEvent>('stopped')).body;
  }

  /** How often it was told so far. */
  count(name: string): number {
    return this.events.filter(({ event }) => event === name).length;
  }

  /** Sets lines of one file, as an editor does: all of them. */
  async setLines(
    path: string,
    ...wanted: (number | DebugProtocol.SourceBreakpoint)[]
  ): Promise<DebugProtocol.Breakpoint[]> {
    const breakpoints = wanted.map((one) => (typeof one === 'number' ? { line: one } : one));
    const { body } = await this.setBreakpointsRequest({ source: { path }, breakpoints });
    return body.breakpoints;
  }

  /** What the program printed, as far as it was told, of one stream. */
  printed(category: 'stdout' | 'stderr' | 'console'): string {
    const told = this.events.filter(({ event, body }) => event === 'output' && body.category === category);
    return told.map(({ body }) => String(body.output)).join('');
  }

  async stack(): Promise<DebugProtocol.StackFrame[]> {
    const { body } = await this.stackTraceRequest({ threadId: 1 });
    return body.stackFrames;
  }

  async top(): Promise<DebugProtocol.StackFrame> {
    const [top] = await this.stack();
    if (top === undefined) throw new Error('The stack is empty');
    return top;
  }

  /** Variables of the innermost scope of a frame, by name. */
  async locals(frameId: number): Promise<Map<string, DebugProtocol.Variable>> {
    const { body } = await this.scopesRequest({ frameId });
    const [scope] = body.scopes;
    return this.opened(scope?.variablesReference ?? 0);
  }

  async opened(variablesReference: number): Promise<Map<string, DebugProtocol.Variable>> {
    const { body } = await this.variablesRequest({ variablesReference });
    return new Map(body.variables.map((variable) => [variable.name, variable]));
  }

  async evaluate(expression: string, frameId: number | undefined, context = 'repl'): Promise<string> {
    const { body } = await this.evaluateRequest({ expression, context, ...(frameId === undefined ? {} : { frameId }) });
    return body.result;
  }

  async leave(): Promise<void> {
    await this.disconnectRequest();
    await this.adapter.exited();
  }
}
