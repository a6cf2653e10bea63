/**
 * One client from its first byte to its last: requests to their handlers, answers back, cancelling, and what its end
 * leaves behind. Whatever is not in the table of requests is refused.
 */

import type { Socket } from 'node:net';
import { z } from 'zod';
import { CLIENT_EVENT, dapClientSchema } from '#protocol/dap-bridge.ts';
import type { DapRequestMessage } from '#protocol/dap-message.ts';
import { SandboxError } from '#shared/errors.ts';
import type { DapRequest, RequestTable } from './dap-request.ts';
import { type DapServices, DapSession } from './dap-session.ts';
import { DapWire } from './dap-wire.ts';
import { attachRequests } from './requests/attach.ts';
import { breakpointRequests } from './requests/breakpoints.ts';
import { endRequests } from './requests/end.ts';
import { evaluateRequests } from './requests/evaluate.ts';
import { executionRequests } from './requests/execution.ts';
import { initializeRequests } from './requests/initialize.ts';
import { launchRequests } from './requests/launch.ts';
import { sourceRequests } from './requests/sources.ts';
import { stackRequests } from './requests/stack.ts';

const REQUESTS: RequestTable = {
  ...initializeRequests,
  ...attachRequests,
  ...launchRequests,
  ...endRequests,
  ...breakpointRequests,
  ...executionRequests,
  ...stackRequests,
  ...evaluateRequests,
  ...sourceRequests,
};

/** Requests of one client under way; an IDE has some ten, and the next is refused. */
const MAX_OPEN_REQUESTS = 256;

const cancelArgs = z.object({ requestId: z.number().int().optional(), progressId: z.string().max(100).optional() });

export class DapConnection {
  readonly #wire: DapWire;
  readonly #session: DapSession;
  readonly #open = new Map<number, { readonly command: string; readonly abort: AbortController }>();
  #hasBegun = false;
  readonly closed: Promise<void>;

  /** @param onEnd told once, with the session's id, when the connection is gone */
  constructor(socket: Socket, id: string, services: DapServices, onEnd: (session: string) => void) {
    this.#wire = new DapWire({
      socket,
      onRequest: (request) => this.#onRequest(request),
      onEvent: ({ event, body }) => this.#onEvent(event, body),
      onClose: () => {
        this.#end();
        onEnd(id);
      },
    });
    this.closed = this.#wire.closed;
    this.#session = new DapSession(id, this.#wire, services, (command, args) =>
      handlerOf(command)(this.#session, args, { seq: 0, signal: this.#session.signal }),
    );
  }

  /** The daemon stops: the client is told that its session is over. */
  drop(): void {
    if (this.#session.isBound) this.#wire.event('terminated');
    this.#wire.close();
  }

  #onEvent(event: string, body: unknown): void {
    const parsed = event === CLIENT_EVENT && !this.#hasBegun ? dapClientSchema.safeParse(body) : undefined;
    if (parsed?.success !== true) throw new SandboxError('BAD_ARGUMENT', `Cannot take the event "${event}"`);
    const { folder, sandbox, ...place } = parsed.data;
    this.#session.place = { folder, sandbox, ...place };
    this.#hasBegun = true;
  }

  #onRequest(request: DapRequestMessage): void {
    this.#hasBegun = true;
    if (request.command === 'cancel') return this.#cancel(request);
    void this.#answer(request);
  }

  async #answer(request: DapRequestMessage): Promise<void> {
    const { seq, command } = request;
    const abort = new AbortController();
    try {
      const handle = handlerOf(command);
      if (this.#open.size >= MAX_OPEN_REQUESTS || this.#open.has(seq)) throw tooMany(command);
      this.#open.set(seq, { command, abort });
      const since = this.#session.read.generation;
      const body = await handle(this.#session, request.arguments, { seq, signal: abort.signal });
      this.#wire.respond(request, body, this.#session.repeatable.take(request, since));
    } catch (error) {
      this.#wire.refuse(request, SandboxError.from(error));
    } finally {
      if (this.#open.get(seq)?.abort === abort) this.#open.delete(seq);
    }
    // The client has its answer; what carries its bytes sees the end after it.
    if (command === 'disconnect') this.#wire.close();
  }

  #cancel(request: DapRequestMessage): void {
    const parsed = cancelArgs.safeParse(request.arguments ?? {});
    const { requestId, progressId } = parsed.success ? parsed.data : {};
    // A progress is named after the request it belongs to.
    const seq = requestId ?? Number(progressId?.slice(progressId.lastIndexOf('-') + 1));
    this.#open.get(seq)?.abort.abort(new SandboxError('CANCELLED', 'The client took it back'));
    this.#wire.respond(request, undefined);
  }

  #end(): void {
    const session = this.#session;
    for (const { command, abort } of this.#open.values()) {
      // Half a list of breakpoints is nobody's wish; an editor takes its own away and leaves in one breath.
      if (Object.hasOwn(breakpointRequests, command)) continue;
      abort.abort(new SandboxError('CANCELLED', 'The client disconnected'));
    }
    const { launched, hasDriven, targetOrNone: target } = session;
    launched?.terminate(false);
    // Whoever waits to step must not wait for somebody who is gone. The program stays where it is.
    if (hasDriven && target !== undefined) {
      session.run('lease.release', { target }, { signal: new AbortController().signal }).catch(() => undefined);
    }
    session.end();
  }
}

/** @throws {SandboxError} UNKNOWN_COMMAND */
function handlerOf(command: string): DapRequest {
  const handler = Object.hasOwn(REQUESTS, command) ? REQUESTS[command] : undefined;
  if (handler !== undefined) return handler;
  throw new SandboxError('UNKNOWN_COMMAND', `Cannot answer "${command}": sandmesh has no such request`);
}

function tooMany(command: string): SandboxError {
  return new SandboxError('LIMIT_EXCEEDED', `Cannot answer "${command}": ${MAX_OPEN_REQUESTS} requests are open`, {
    hint: 'Wait for some of them to end; each needs a sequence number of its own.',
  });
}
