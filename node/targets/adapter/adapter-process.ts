/** A program that a debug adapter debugs: the adapter's session from its first word to its last. */

import type { DebugProtocol } from '@vscode/debugprotocol';
import { exitCodeIn } from '#protocol/adapter-exit.ts';
import { Emitter } from '#shared/emitter.ts';
import { SandboxError } from '#shared/errors.ts';
import type { AdapterTraits, AttachedProcess, AttachedProcessEvents, CdpSession } from '../attached-process.ts';
import { targetGone } from '../cdp-connection.ts';
import { currentPlatform } from '../platform/current.ts';
import { exitOf } from '../process-death.ts';
import { AdapterRequests } from './adapter-requests.ts';
import { AdapterSession } from './adapter-session.ts';
import type { AdapterLaunch, AdapterProgram } from './recipes.ts';

/** Until the program stands at its start: delve builds it first. */
const START_LIMIT_MS = 180_000;
/** The adapter says what process it is about as soon as there is one. */
const PID_LIMIT_MS = 500;
const LEAVE_LIMIT_MS = 2_000;
/** For the last words of one that alone knows how the program ended, on a busy machine too. */
const LAST_WORDS_LIMIT_MS = 15_000;
const FALSY = /^(?:false|0|0\.0|none|nil|null|nullptr|''|""|)$/i;

export interface AdapterLink {
  /** One message of the Debug Adapter Protocol. */
  send(message: object): void;
  /** The program's end, as the adapter says it. */
  exited(code: number): void;
  close(): void;
}

export interface AdapterProcessOptions {
  readonly launch: AdapterLaunch;
  readonly program: AdapterProgram;
  /** Id of the launch it belongs to. */
  readonly id: string;
  readonly link: AdapterLink;
  /** Of the adapter, where it is known. */
  readonly adapterPid: number | undefined;
}

export class AdapterProcess implements AttachedProcess {
  readonly mode = 'adapter';
  readonly events = new Emitter<AttachedProcessEvents>();
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly entry: string | undefined;
  readonly runtime: string;
  readonly nodeEnv = undefined;
  readonly launch: string;
  readonly startedAt = Date.now();
  readonly adapter: AdapterTraits;
  readonly #options: AdapterProcessOptions;
  readonly #requests: AdapterRequests;
  #session: AdapterSession | undefined;
  #capabilities: DebugProtocol.Capabilities = {};
  #pid = 0;
  /** Of what runs in the terminal for it. */
  #startedPid: number | undefined;
  #held = true;
  #exitCode: number | undefined;
  #hasEnded = false;
  #isDetached = false;

  constructor(options: AdapterProcessOptions) {
    const { launch, program, link, id } = options;
    this.#options = options;
    this.argv = program.argv;
    this.cwd = program.folder;
    this.entry = launch.entry;
    this.launch = id;
    this.runtime = `${launch.language} (${launch.name})`.slice(0, 60);
    this.#requests = new AdapterRequests(launch.name, (message) => link.send(message));
    this.adapter = this.#traits();
    const { events } = this.#requests;
    for (const event of ['exited', 'output']) {
      events.on(event, (body) => {
        const code = exitCodeIn(event, body);
        if (code !== undefined) this.#noteExit(code);
      });
    }
    events.on('terminated', () => void this.#terminated());
    events.on('process', (body) => {
      const { systemProcessId } = body as DebugProtocol.ProcessEvent['body'];
      if (typeof systemProcessId === 'number' && systemProcessId > 0) this.#pid = systemProcessId;
    });
  }

  get pid(): number {
    return this.#pid;
  }

  get held(): boolean {
    return this.#held;
  }

  get cdp(): CdpSession {
    if (this.#session === undefined) throw new TypeError('AdapterProcess.start() has not been awaited');
    return this.#session;
  }

  /**
   * Resolves when the program stands at its start and breakpoints may be set.
   *
   * @throws {SandboxError} TARGET_UNAVAILABLE-like errors with the adapter's own words; TARGET_GONE
   */
  async start(): Promise<void> {
    const { launch } = this.#options;
    this.#capabilities = await this.#requests.ask<DebugProtocol.Capabilities>(
      'initialize',
      {
        clientID: 'sandmesh',
        clientName: 'sandmesh',
        adapterID: launch.name,
        pathFormat: 'path',
        linesStartAt1: true,
        columnsStartAt1: true,
        supportsVariableType: true,
        supportsVariablePaging: true,
        supportsRunInTerminalRequest: true,
      },
      { timeoutMs: START_LIMIT_MS },
    );
    const initialized = this.#requests.events.next('initialized');
    this.#session = new AdapterSession({
      name: launch.name,
      requests: this.#requests,
      capabilities: this.#capabilities,
      entry: launch.entry,
      crash: launch.crash,
    });
    // Many answer it only when the program was let go: until then its refusal is what counts.
    const { stopOnEntry, entryFunction } = launch;
    const ownWay = stopOnEntry === true && entryFunction === undefined ? { stopOnEntry } : {};
    const args = { ...launch.arguments, ...ownWay };
    const launched = this.#requests.ask(launch.request, args, { timeoutMs: START_LIMIT_MS });
    await Promise.race([initialized, launched.then(() => initialized)]);
    launched.catch((error: unknown) => this.#failed(SandboxError.from(error)));
    if (stopOnEntry === true && entryFunction !== undefined) await this.#session.stopAtEntry(entryFunction);
    await this.#findPid();
  }

  /** The adapter had something started in the terminal. */
  startedInTerminal(pid: number): void {
    this.#startedPid = pid;
  }

  receive(message: unknown): void {
    this.#requests.receive(message);
  }

  async release(): Promise<void> {
    if (!this.#held) return;
    this.#held = false;
    if (this.#capabilities.supportsConfigurationDoneRequest === true) {
      await this.#requests.ask('configurationDone', undefined).catch((error: unknown) => {
        if (!this.#hasEnded) throw error;
      });
    }
  }

  async detach(): Promise<void> {
    if (this.#hasEnded || this.#isDetached) return;
    this.#isDetached = true;
    this.#held = false;
    // Whoever started such a one keeps it.
    if (this.#options.launch.endsWhenLeft !== true) await this.#disconnect(false);
    this.#options.link.close();
  }

  /** Called once, when the connection to the adapter is gone. */
  async closed(): Promise<void> {
    this.#held = false;
    this.#session?.end();
    this.#requests.close(targetGone(this.#pid));
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const isLocal = !this.#isDetached && this.#pid > 0;
    this.events.emit('exit', await exitOf(this.#pid, { code: this.#exitCode, isLocal }));
  }

  #traits(): AdapterTraits {
    const { name, language, truth } = this.#options.launch;
    return {
      name,
      language,
      takesConditions: () => this.#capabilities.supportsConditionalBreakpoints === true,
      truth: truth ?? ((expression) => expression),
      isTrue: (value) => !FALSY.test(value.trim()),
      stopsAt: (filter) => this.#session?.stopsAt(filter) ?? false,
      verdict: (scriptId, lineNumber) => this.#session?.verdict(scriptId, lineNumber),
      onVerdict: (listener) => this.#requests.events.on('breakpoint', listener),
      loadSource: (path) => void this.#session?.sources.file(path),
    };
  }

  #noteExit(code: number): void {
    this.#exitCode = code;
    this.#options.link.exited(code);
  }

  #failed(error: SandboxError): void {
    if (this.#hasEnded || this.#isDetached || error.code === 'TARGET_GONE') return;
    this.#options.link.close();
  }

  async #terminated(): Promise<void> {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#held = false;
    this.#session?.end();
    // Delve says only now how it ended.
    await this.#disconnect(undefined, this.#exitCode === undefined ? LAST_WORDS_LIMIT_MS : LEAVE_LIMIT_MS);
    this.#requests.close(targetGone(this.#pid));
    this.events.emit('exit', { code: this.#exitCode ?? null, signal: null, how: 'exit' });
    this.#options.link.close();
  }

  async #disconnect(terminateDebuggee: boolean | undefined, timeoutMs = LEAVE_LIMIT_MS): Promise<void> {
    const args = terminateDebuggee === undefined ? {} : { terminateDebuggee };
    // One that does not answer has nothing more to say.
    await this.#requests.ask('disconnect', args, { timeoutMs }).catch(() => undefined);
  }

  /** Said by most adapters; else what runs in the terminal, or the adapter's own child. */
  async #findPid(): Promise<void> {
    if (this.#pid > 0) return;
    const said = this.#requests.events.next('process', { signal: AbortSignal.timeout(PID_LIMIT_MS) });
    await said.catch(() => undefined);
    if (this.#pid > 0) return;
    const { adapterPid } = this.#options;
    if (this.#startedPid !== undefined) this.#pid = this.#startedPid;
    else if (adapterPid !== undefined) this.#pid = (await childOf(adapterPid)) ?? adapterPid;
  }
}

async function childOf(parent: number): Promise<number | undefined> {
  const processes = await currentPlatform().listProcesses();
  return processes.find(({ ppid }) => ppid === parent)?.pid;
}
