/**
 * The gateway of IDEs: a Unix socket (a named pipe on Windows) that only this user can open and that speaks the Debug
 * Adapter Protocol. `sandmesh dap` carries an IDE's bytes to it. Requests become commands, topics become events.
 */

import { createServer, type Server, type Socket } from 'node:net';
import { SocketFile } from '../../storage/socket-file.ts';
import { DapConnection } from './dap-connection.ts';
import type { DapServices } from './dap-session.ts';

/** Clients at once; a person has a handful. */
const MAX_CLIENTS = 256;

export interface DapGatewayOptions extends DapServices {
  readonly socketPath: string;
  /** Told when clients come and go. */
  readonly onClients: () => void;
  /** A client is gone: what it had opened in targets can be let go. */
  readonly onSessionEnd: (session: string) => void;
  readonly onError: (error: unknown) => void;
}

export class DapGateway {
  readonly #options: DapGatewayOptions;
  readonly #connections = new Set<DapConnection>();
  #server: Server | undefined;
  #file: SocketFile | undefined;
  #nextSession = 1;

  constructor(options: DapGatewayOptions) {
    this.#options = options;
  }

  get clients(): number {
    return this.#connections.size;
  }

  /** @throws {SandboxError} HOME_UNWRITABLE */
  async start(): Promise<void> {
    const { socketPath, onError } = this.#options;
    const server = createServer((socket) => this.#accept(socket));
    this.#file = await SocketFile.listen(server, socketPath);
    server.on('error', onError);
    this.#server = server;
  }

  /** Programs that clients attached to run on. Safe to call twice. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    this.#file?.remove();
    const gone = [...this.#connections].map(({ closed }) => closed);
    for (const connection of this.#connections) connection.drop();
    await new Promise<void>((resolve) => server.close(() => resolve()));
    await Promise.all(gone);
  }

  #accept(socket: Socket): void {
    if (this.#connections.size >= MAX_CLIENTS) return void socket.destroy();
    const connection = new DapConnection(socket, `dap-${this.#nextSession++}`, this.#options, (session) => {
      this.#connections.delete(connection);
      this.#options.onSessionEnd(session);
      this.#options.onClients();
    });
    this.#connections.add(connection);
    this.#options.onClients();
  }
}
