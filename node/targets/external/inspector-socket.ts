/**
 * A CDP session over an inspector's WebSocket.
 * Node's inspector suffers Nagle's algorithm against our system's delayed acknowledgements: a message that follows
 * another waits 40 ms for the first one's acknowledgement, and a pause is several messages. Small requests that need no
 * work carry the acknowledgement at once: measured, a pause and resume then blocks the program 0.7 ms instead of 43.
 */

import { WebSocket } from 'ws';
import { SandboxError } from '#shared/errors.ts';
import { CdpConnection } from '../cdp-connection.ts';

const CONNECT_LIMIT_MS = 3_000;
const MAX_MESSAGE_BYTES = 256 * 1024 * 1024;
const NUDGES = 5;
const NUDGE_EVERY_MS = 1;
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
  const nudge = nudger(socket);
  const cdp = new CdpConnection((request) => {
    socket.send(JSON.stringify(request));
    if (RUNNING_METHODS.test(request.method)) nudge();
  });
  cdp.on('Debugger.paused', nudge);
  socket.on('message', (data) => {
    const json = data.toString();
    if (json.startsWith(NUDGE_ANSWER)) return;
    try {
      cdp.receive(json);
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

/** Outside the ids a {@link CdpConnection} counts up. */
const NUDGE_ID = 2 ** 31 - 1;
const NUDGE_ANSWER = `{"id":${NUDGE_ID},`;
const NUDGE_REQUEST = JSON.stringify({ id: NUDGE_ID, method: 'Runtime.getIsolateId' });

function nudger(socket: WebSocket): () => void {
  let left = 0;
  let timer: NodeJS.Timeout | undefined;
  const step = (): void => {
    timer = undefined;
    if (left === 0 || socket.readyState !== WebSocket.OPEN) return;
    left--;
    socket.send(NUDGE_REQUEST);
    timer = setTimeout(step, NUDGE_EVERY_MS);
  };
  return () => {
    left = NUDGES;
    if (timer === undefined) step();
  };
}
