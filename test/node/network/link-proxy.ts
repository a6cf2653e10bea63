/**
 * A TCP forwarder between two daemons that can go silent without closing anything, as a pulled cable does, and shows what
 * passes.
 */

import { createConnection, createServer, type Server, type Socket } from 'node:net';

export class LinkProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #frozen = false;

  readonly #onBytes: (bytes: Uint8Array) => void;

  private constructor(server: Server, onBytes: (bytes: Uint8Array) => void) {
    this.#server = server;
    this.#onBytes = onBytes;
  }

  /** @param target port on 127.0.0.1. @param onBytes sees all that passes, either way */
  static async start(target: number, onBytes: (bytes: Uint8Array) => void = () => undefined): Promise<LinkProxy> {
    const server = createServer();
    const proxy = new LinkProxy(server, onBytes);
    server.on('connection', (near) => {
      const far = createConnection(target, '127.0.0.1');
      proxy.#join(near, far);
      proxy.#join(far, near);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy does not listen');
    return address.port;
  }

  /** From now on every byte is swallowed. */
  freeze(): void {
    this.#frozen = true;
  }

  stop(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.on('data', (bytes) => {
      this.#onBytes(bytes);
      if (!this.#frozen) to.write(bytes);
    });
    from.on('close', () => {
      if (!this.#frozen) to.destroy();
    });
    // The other side's reset: 'close' follows.
    from.on('error', () => undefined);
  }
}

/** The bytes of `/ip4/127.0.0.1/tcp/<port>`. */
export function loopbackAddress(port: number): Uint8Array {
  return Uint8Array.of(4, 127, 0, 0, 1, 6, port >> 8, port & 0xff);
}
