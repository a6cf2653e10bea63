/**
 * The sessions of worker threads that are nested in the program's. Node leaves a worker standing, or waiting for its
 * debugger, when the session around its own ends (seen on 20.20): each must be let go before, the innermost first.
 */

export interface Call {
  readonly method: string;
  readonly params?: object;
}

export interface Notification {
  readonly method: string;
  readonly params?: {
    readonly url?: string;
    readonly sessionId?: string;
    readonly message?: string;
    readonly workerInfo?: { readonly url?: string };
  };
}

/** Session → sessions nested in it. */
interface Sessions extends Map<string, Sessions> {}

/** Of requests that nobody waits for; the daemon's own count up from 1. */
const UNHEARD_ID = 2 ** 31 - 1;

export class NestedSessions {
  readonly #sessions: Sessions = new Map();

  /** Takes note of what Node tells of workers. */
  observe(notification: Notification): void {
    observe(this.#sessions, notification);
  }

  /** What lets every worker go on by itself, in order. */
  farewells(): Call[] {
    return farewells(this.#sessions);
  }
}

function observe(sessions: Sessions, { method, params }: Notification): void {
  const { sessionId } = params ?? {};
  if (sessionId === undefined) return;
  if (method === 'NodeWorker.attachedToWorker') sessions.set(sessionId, new Map());
  else if (method === 'NodeWorker.detachedFromWorker') sessions.delete(sessionId);
  else if (method === 'NodeWorker.receivedMessageFromWorker') {
    const inner = sessions.get(sessionId);
    const { message } = params ?? {};
    // Nearly all are about anything else.
    if (inner !== undefined && message?.startsWith('{"method":"NodeWorker.')) observe(inner, JSON.parse(message));
  }
}

function farewells(sessions: Sessions): Call[] {
  const each = [...sessions].flatMap(([sessionId, inner]) => [
    ...farewells(inner).map((call) => toWorker(sessionId, call)),
    toWorker(sessionId, { method: 'Runtime.runIfWaitingForDebugger' }),
    { method: 'NodeWorker.detach', params: { sessionId } },
  ]);
  // One that is let go may start more at once.
  return [{ method: 'NodeWorker.enable', params: { waitForDebuggerOnStart: false } }, ...each];
}

function toWorker(sessionId: string, call: Call): Call {
  const message = JSON.stringify({ id: UNHEARD_ID, ...call });
  return { method: 'NodeWorker.sendMessageToWorker', params: { sessionId, message } };
}
