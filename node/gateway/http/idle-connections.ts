/**
 * Keeps the number of connections bounded without turning anybody away who has something to ask: beyond the limit the
 * one that has been idle longest goes. Who opens thousands and says nothing pushes out its own.
 */

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

export class IdleConnections {
  readonly #limit: number;
  /** Each with what makes it idle again: a function for every request would cost more than the list. */
  readonly #open = new Map<Duplex, () => void>();
  /** No request of theirs is being answered; idle longest first. */
  readonly #idle = new Set<Duplex>();

  /** @param limit connections open at once, those that became WebSockets included */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @param server of HTTP or HTTPS; before it listens */
  watch(server: Server, secure: boolean): void {
    server.on(secure ? 'secureConnection' : 'connection', (socket: Duplex) => this.#admit(socket));
    server.on('request', (request: IncomingMessage, response: ServerResponse) => this.#busy(request.socket, response));
    server.on('upgrade', (_request, socket: Duplex) => this.#idle.delete(socket));
  }

  #admit(socket: Duplex): void {
    this.#open.set(socket, () => {
      if (this.#open.has(socket)) this.#idle.add(socket);
    });
    this.#idle.add(socket);
    socket.once('close', () => {
      this.#open.delete(socket);
      this.#idle.delete(socket);
    });
    if (this.#open.size <= this.#limit) return;
    // Itself when every other one is busy.
    const [longest = socket] = this.#idle;
    this.#open.delete(longest);
    this.#idle.delete(longest);
    longest.destroy();
  }

  #busy(socket: Duplex, response: ServerResponse): void {
    this.#idle.delete(socket);
    const rest = this.#open.get(socket);
    if (rest !== undefined) response.on('close', rest);
  }
}
