/** HTTP throughput from a process of its own: keep-alive connections over bare sockets, one request in flight each. */

import path from 'node:path';
import { Agent } from './programs.ts';

export interface LoadOptions {
  /** `http://127.0.0.1:<port>/path` */
  readonly url: string;
  /** 8 by default. */
  readonly connections?: number;
  /** 1,000 by default. */
  readonly durationMs?: number;
}

/** Sends GET requests as fast as they are answered. Use one for all contenders of a case, then stop it. */
export class HttpLoad {
  readonly #agent = new Agent(path.join(import.meta.dirname, 'agents/http-load.ts'));

  /** @returns completed requests per second */
  async measure(options: LoadOptions): Promise<number> {
    return Number(await this.#agent.ask({ connections: 8, durationMs: 1_000, ...options }));
  }

  stop(): Promise<void> {
    return this.#agent.stop();
  }
}
