/**
 * A CDP session over an inspector's WebSocket.
 * Node's inspector suffers Nagle's algorithm against our system's delayed acknowledgements: a message that follows
 * another waits 40 ms for the first one's acknowledgement, and a pause is several messages. Whatever we send carries
 * the acknowledgement at once, so around a pause every message is followed by a request that needs no answer: waiting
 * for a promise that never settles. An answered one would only be the next message to wait for.
 */

import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import { SandboxError } from '#shared/errors.ts';
import { gatherWrites } from '../../gather-writes.ts';
import { CdpConnection } from '../cdp-connection.ts';

const CONNECT_LIMIT_MS = 3_000;
const MAX_MESSAGE_BYTES = 256 * 1024 * 1024;
/** How long after a pause or a request to run each message is acknowledged at once. */
const PROMPT_MS = 100;
const PREPARE_LIMIT_MS = 1_000;
/** After these the program answers, runs and may pause again: several messages in a row. */
const RUNNING_METHODS = /^Debugger\.(?:resume|step\w+|continueToLocation|restartFrame|pause)$/;

export interface InspectorSocket {
  readonly cdp: CdpConnection;
  /** Resolves when the connection has ended, whoever ended it. */
  readonly closed: Promise<void>;
  /** Ends the connection at once. Safe to call twice. */
  close(): Promise<void>;
}

/**
 * @throws {SandboxError} INSPECTOR_UNAVAILABLE
 */
export async function openInspectorSocket(url: string, gone: () => SandboxError): Promise<InspectorSocket> {
  const socket = new WebSocket(url, {
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
    handshakeTimeout: CONNECT_LIMIT_MS,
    followRedirects: false,
  });
  let connection: Socket | undefined;
  socket.once('upgrade', (response) => {
    connection = response.socket;
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', (cause) => {
      reject(
        new SandboxError('INSPECTOR_UNAVAILABLE', `Cannot connect to the inspector at ${url}: ${cause.message}`, {
          cause,
        }),
      );
    });
  });
  const prompt = new PromptAcknowledgement(socket);
  const cdp = new CdpConnection((request) => {
    if (connection !== undefined) gatherWrites(connection);
    socket.send(JSON.stringify(request));
    if (RUNNING_METHODS.test(request.method)) prompt.extend();
  });
  cdp.on('Debugger.paused', () => prompt.extend());
  socket.on('message', (data) => {
    const json = data.toString();
    // refused, when the promise is lost with its context
    if (json.startsWith(ACKNOWLEDGE_ANSWER)) return;
    try {
      cdp.receive(json);
      prompt.received();
    } catch {
      // not CDP: whatever this is, nothing more can be learned from it; 'close' follows
      socket.terminate();
    }
  });
  // 'close' follows and does what there is to do
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => {
      cdp.close(gone());
      resolve();
    });
  });
  await prompt.prepare(cdp);
  return {
    cdp,
    closed,
    close: () => {
      // no closing handshake: a paused or exiting program would not answer it
      socket.terminate();
      return closed;
    },
  };
}

/** Outside the ids that a {@link CdpConnection} counts up. */
const ACKNOWLEDGE_ID = 2 ** 31 - 1;
const ACKNOWLEDGE_ANSWER = `{"id":${ACKNOWLEDGE_ID},`;

class PromptAcknowledgement {
  readonly #socket: WebSocket;
  #cdp: CdpConnection | undefined;
  #request: string | undefined;
  #promptUntil = 0;
  #isScheduled = false;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  /** Makes the promise; without one (a program that waits for its debugger may refuse) messages just take longer. */
  async prepare(cdp: CdpConnection): Promise<void> {
    this.#cdp = cdp;
    const made = await cdp
      .send(
        'Runtime.evaluate',
        { expression: 'new Promise(() => {})', objectGroup: 'sandmesh-acknowledge', silent: true },
        { timeoutMs: PREPARE_LIMIT_MS },
      )
      .catch(() => undefined);
    const promiseObjectId = made?.result.objectId;
    if (promiseObjectId === undefined) return;
    this.#request = JSON.stringify({ id: ACKNOWLEDGE_ID, method: 'Runtime.awaitPromise', params: { promiseObjectId } });
  }

  /** A pause or its end has begun. */
  extend(): void {
    this.#promptUntil = performance.now() + PROMPT_MS;
  }

  /** One acknowledgement serves all messages of a turn: each leaves some bytes with the promise. */
  received(): void {
    if (this.#isScheduled || this.#request === undefined || performance.now() > this.#promptUntil) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      if (this.#request === undefined || this.#cdp?.isRunningCode === true) return;
      if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(this.#request);
    });
  }
}
