/**
 * One connected DevTools client: its messages become commands, answers and events go back in V8's form. Which command a
 * call becomes is the catalogue's table; whether it may is decided where the target is.
 */

import type { WebSocket } from 'ws';
import type { CommandInput, CommandName, CommandResult } from '#protocol/catalogue/catalogue.ts';
import type { CdpEvents } from '#protocol/catalogue/cdp-commands.ts';
import { routeOfCdp } from '#protocol/catalogue/cdp-methods.ts';
import type { TopicEvent } from '#protocol/topics.ts';
import { SandboxError } from '#shared/errors.ts';
import { hostOfTarget, type SandboxId, type TargetId } from '#shared/ids.ts';
import type { CommandRequest } from '../../pipeline/request.ts';
import type { ClientEvents } from '../../sandbox/client-events.ts';
import type { TopicHub } from '../../sandbox/topic-hub.ts';
import { ClientBreakpoints } from './client-breakpoints.ts';

/** Calls under way at once; a client that sends more is not read from until some are done. */
const MAX_OPEN_CALLS = 256;
/** A client that does not read this much is let go. */
const MAX_BACKLOG_BYTES = 64 * 1024 * 1024;
const REASON_CHARS = 100;

const PAUSED = 'Debugger.paused';
const STEPS = { 'Debugger.stepOver': 'over', 'Debugger.stepInto': 'into', 'Debugger.stepOut': 'out' } as const;

/** What tools make of `sb('total()')`. */
const DEBUG_CALL = /^\s*debug\(([\p{ID_Start}$_][\p{ID_Continue}$.]*)\)\s*$/u;

const ERROR_CODES: Readonly<Record<string, number>> = {
  BAD_JSON: -32700,
  BAD_ARGUMENT: -32602,
  UNKNOWN_COMMAND: -32601,
};
const OTHER_ERROR = -32000;

type Params = Readonly<Record<string, unknown>>;

export interface CdpClientOptions {
  readonly socket: WebSocket;
  readonly sandbox: SandboxId;
  readonly target: TargetId;
  /** Names it for limits and handles. */
  readonly name: string;
  readonly run: (request: CommandRequest) => Promise<unknown>;
  readonly events: ClientEvents;
  readonly hub: TopicHub;
}

export class CdpClient {
  readonly #options: CdpClientOptions;
  readonly #abort = new AbortController();
  readonly #off: (() => void)[] = [];
  readonly #breakpoints: ClientBreakpoints;
  readonly #session: string;
  #openCalls = 0;
  /** Moves under way: V8 answers those before it tells what came of them. */
  #moving = 0;
  /** Breakpoints being set, moved or taken out: their names are in the replies. */
  #naming = 0;
  #held: { readonly method: string; readonly params: Params }[] = [];

  private constructor(options: CdpClientOptions, session: string) {
    this.#options = options;
    this.#session = session;
    this.#breakpoints = new ClientBreakpoints({
      target: options.target,
      session,
      ask: (name, args) => this.#ask(name, args),
      emit: (method, params) => this.#event({ method, params: { ...params } }),
      warn: (text) => this.#warn(text),
    });
  }

  /**
   * Opens its session at the target's host and serves it until the socket closes.
   *
   * @throws {SandboxError} of `cdp.open`
   */
  static async serve(options: CdpClientOptions): Promise<CdpClient> {
    const { sandbox, target, events, hub, socket } = options;
    const { session } = await ask(options, 'cdp.open', { target }, new AbortController().signal);
    const client = new CdpClient(options, session);
    client.#off.push(
      events.listen(sandbox, hostOfTarget(target), session, (message) => client.#deliver(message)),
      hub.subscribe(sandbox, ['breakpoints'], ({ event }) => {
        const { breakpoint, view } = event as TopicEvent<'breakpoints'>;
        client.#breakpoints.onView(breakpoint, view);
      }).close,
      hub.subscribe(sandbox, ['hits'], ({ event }) => {
        for (const hit of (event as TopicEvent<'hits'>).hits) if (hit.target === target) client.#log(hit.text);
      }).close,
    );
    socket.on('message', (data, isBinary) => client.#receive(String(data), isBinary));
    return client;
  }

  /** Lets go of everything it had; the target stays as it is, paused or not. Call it once, when the socket closes. */
  async end(): Promise<void> {
    for (const off of this.#off.splice(0)) off();
    // Its own calls first: what a breakpoint still being set becomes is known then.
    await this.#breakpoints.end();
    this.#abort.abort(new SandboxError('CANCELLED', 'The client disconnected'));
    const { target } = this.#options;
    const close = ask(this.#options, 'cdp.close', { target, session: this.#session }, AbortSignal.timeout(5_000));
    // The host ended it first, or is away and will.
    await close.catch(() => undefined);
  }

  #receive(text: string, isBinary: boolean): void {
    let message: { id: number; method: string; params: Params } | undefined;
    try {
      message = parseCall(text, isBinary);
    } catch (error) {
      this.#send({ error: errorOf(error) });
      return;
    }
    const { id, method, params } = message;
    this.#openCalls += 1;
    if (this.#openCalls >= MAX_OPEN_CALLS) this.#options.socket.pause();
    const route = routeOfCdp(method, params);
    if (route === 'execution') this.#moving += 1;
    if (route === 'breakpoint') this.#naming += 1;
    this.#answer(method, params)
      .then(
        (result) => this.#send({ id, result }),
        (error: unknown) => this.#send({ id, error: errorOf(error) }),
      )
      .finally(() => {
        this.#openCalls -= 1;
        if (this.#openCalls === MAX_OPEN_CALLS - 1) this.#options.socket.resume();
        if (route === 'execution') this.#moving -= 1;
        if (route === 'breakpoint') this.#naming -= 1;
        this.#letGo();
      });
  }

  async #answer(method: string, params: Params): Promise<object> {
    const route = routeOfCdp(method, params);
    switch (route) {
      case undefined:
        throw new SandboxError(
          'UNKNOWN_COMMAND',
          `'${method.slice(0, 100)}' wasn't found: it is not passed on to the target`,
        );
      case 'execution':
        return this.#move(method, params);
      case 'breakpoint':
        return this.#breakpoints.answer(method, params);
      default: {
        const named = params['includeCommandLineAPI'] === true && DEBUG_CALL.exec(String(params['expression']));
        if (named) return this.#breakpoints.setFunction(named[1] as string);
        if (method === 'Debugger.getScriptSource') return this.#source(params);
        return this.#carry(route, method, params);
      }
    }
  }

  async #carry(command: 'cdp.look' | 'cdp.evaluate' | 'cdp.set', method: string, params: Params): Promise<Params> {
    const { target } = this.#options;
    const { result } = await this.#ask(command, { target, session: this.#session, method, params: { ...params } });
    return result;
  }

  /** In parts: a script may be larger than a frame. */
  async #source({ scriptId }: Params): Promise<object> {
    let scriptSource = '';
    let from: unknown = 0;
    do {
      const part = await this.#carry('cdp.look', 'Debugger.getScriptSource', { scriptId, from });
      scriptSource += String(part['scriptSource']);
      from = part['more'];
    } while (from !== undefined);
    return { scriptSource };
  }

  async #move(method: string, params: Params): Promise<object> {
    const { target } = this.#options;
    if (method === 'Debugger.pause') await this.#ask('execution.pause', { target });
    else if (method !== 'Debugger.resume') {
      await this.#ask('execution.step', { target, kind: STEPS[method as keyof typeof STEPS], waitMs: 0 });
    } else if (params['terminateOnResume'] === true) {
      throw new SandboxError('FORBIDDEN', 'Cannot end the program for everybody by resuming it');
    } else await this.#ask('execution.resume', { target });
    return {};
  }

  #letGo(): void {
    if (this.#moving > 0) return;
    if (this.#naming > 0 && this.#held.some(({ method }) => method === PAUSED)) return;
    for (const { method, params } of this.#held.splice(0)) this.#send({ method, params: this.#own(method, params) });
  }

  #deliver({ events, ended }: CdpEvents): boolean {
    for (const { method, params } of events) this.#event({ method, params });
    if (ended !== undefined) this.#detach(ended);
    return this.#options.socket.bufferedAmount < MAX_BACKLOG_BYTES;
  }

  /** Breakpoints under the names this client has for them; of others' it knows none. */
  #own(method: string, params: Params): Params {
    const { hitBreakpoints } = params;
    if (method !== PAUSED || !Array.isArray(hitBreakpoints)) return params;
    return { ...params, hitBreakpoints: hitBreakpoints.flatMap((record) => this.#breakpoints.idOf(record) ?? []) };
  }

  /** In order. A stop may be that of a breakpoint whose name this client is about to learn. */
  #event(event: { method: string; params: Params }): void {
    this.#held.push(event);
    this.#letGo();
  }

  #log(value: string): void {
    const params = { type: 'log', args: [{ type: 'string', value }], executionContextId: 1, timestamp: Date.now() };
    this.#event({ method: 'Runtime.consoleAPICalled', params });
  }

  #warn(text: string): void {
    const args = [{ type: 'string', value: `sandmesh: ${text}` }];
    const params = { type: 'warning', args, executionContextId: 1, timestamp: Date.now() };
    this.#event({ method: 'Runtime.consoleAPICalled', params });
  }

  #detach(reason: string): void {
    this.#send({ method: 'Inspector.detached', params: { reason } });
    this.#options.socket.close(1000, reason.slice(0, REASON_CHARS));
  }

  #send(message: object): void {
    const { socket } = this.#options;
    if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message));
  }

  #ask<N extends CommandName>(name: N, args: CommandInput<N>): Promise<CommandResult<N>> {
    return ask(this.#options, name, args, this.#abort.signal);
  }
}

async function ask<N extends CommandName>(
  { run, sandbox, name: session }: CdpClientOptions,
  command: N,
  args: CommandInput<N>,
  signal: AbortSignal,
): Promise<CommandResult<N>> {
  const result = await run({
    command,
    args: args as Record<string, unknown>,
    origin: { kind: 'local' },
    session,
    sandbox,
    folder: undefined,
    timeoutMs: undefined,
    signal,
  });
  return result as CommandResult<N>;
}

/** @throws {SandboxError} BAD_JSON, BAD_ARGUMENT */
function parseCall(text: string, isBinary: boolean): { id: number; method: string; params: Params } {
  let value: unknown;
  try {
    if (isBinary) throw new TypeError('binary');
    value = JSON.parse(text);
  } catch (cause) {
    throw new SandboxError('BAD_JSON', 'Cannot read a message: it is no JSON text', { cause });
  }
  const { id, method, params = {} }: { id?: unknown; method?: unknown; params?: unknown } = Object(value);
  const isCall = Number.isSafeInteger(id) && typeof method === 'string';
  if (isCall && typeof params === 'object' && params !== null && !Array.isArray(params)) {
    return { id: id as number, method, params: params as Params };
  }
  throw new SandboxError('BAD_ARGUMENT', 'Cannot read a message: a call has "id", "method" and "params"');
}

function errorOf(thrown: unknown): { code: number; message: string } {
  const { code, message, hint } = SandboxError.from(thrown);
  return { code: ERROR_CODES[code] ?? OTHER_ERROR, message: hint === undefined ? message : `${message}. ${hint}` };
}
