/** A debug client's way to the daemon: a socket that has been told where the client stands, and what goes over it. */

import { connect, type Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { CLIENT_EVENT } from '#protocol/dap-bridge.ts';
import { DapDecoder, encodeDapMessage } from '#protocol/dap-framing.ts';
import { SandboxError } from '#shared/errors.ts';
import { KnownAnswers } from './known-answers.ts';

export interface BridgeOptions {
  readonly socketPath: string;
  /** Folder, environment and the like; goes over the socket, which is this user's alone. */
  readonly client: object;
  /** Starts the daemon where none runs. */
  readonly ready: () => Promise<void>;
}

/** @throws {SandboxError} DAEMON_UNREACHABLE */
export async function connectBridge({ socketPath, client, ready }: BridgeOptions): Promise<Socket> {
  await ready();
  const socket = connect({ path: socketPath });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', (cause) => {
      reject(
        new SandboxError('DAEMON_UNREACHABLE', `Cannot reach the daemon at "${socketPath}": ${cause.message}`, {
          hint: 'A daemon of an older version runs: end it with "sandmesh stop".',
          cause,
        }),
      );
    });
  });
  // From now on its end is the session's: the client sees its stream end.
  socket.on('error', () => undefined);
  socket.write(encodeDapMessage({ type: 'event', event: CLIENT_EVENT, body: { ...client, repeats: true } }));
  return socket;
}

/**
 * Carries what an editor and the daemon say, both ways and no faster than either reads; what the daemon said may be
 * repeated is answered on the way.
 *
 * @param daemon as {@link connectBridge} gives it; gone when the editor breaks the protocol
 */
export function carry(input: Readable, output: Writable, daemon: Socket): void {
  const answers = new KnownAnswers({
    takesAnswers: () => !output.writableNeedDrain,
    toEditor: (message) => void (output.write(message, 'latin1') || daemon.pause()),
    toDaemon: (message) => void (daemon.write(message) || input.pause()),
  });
  output.on('drain', () => daemon.resume());
  daemon.on('drain', () => input.resume());
  const fromEditor = new DapDecoder();
  const take = (chunk: Uint8Array): void => {
    if (daemon.destroyed) return;
    try {
      for (const content of fromEditor.split(chunk)) answers.fromEditor(content);
    } catch (error) {
      const text = `sandmesh: ${SandboxError.from(error).message}\n`;
      answers.tell({ type: 'event', event: 'output', body: { category: 'important', output: text } });
      daemon.destroy();
    }
  };
  // What the daemon had written by now is read first: it may say that nothing is known any more.
  input.on('data', (chunk: Buffer) => setImmediate(take, chunk));
  input.once('end', () => setImmediate(() => daemon.end()));
  // Its sources may be of any size.
  const fromDaemon = new DapDecoder(Number.POSITIVE_INFINITY);
  daemon.on('data', (chunk) => {
    for (const content of fromDaemon.split(chunk)) answers.fromDaemon(content);
  });
}
