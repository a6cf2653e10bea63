/** Child processes of a measurement: started, waited for, asked and ended by their own id. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export interface ProgramOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string | undefined;
  /** Its standard output is a protocol that the caller alone reads: no lines are looked for there. */
  readonly speaksProtocol?: boolean | undefined;
  /** Another user's process: only root may start one. */
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

export interface AgentOptions extends ProgramOptions {
  readonly args?: readonly string[];
  /** Options of node itself. */
  readonly nodeArgs?: readonly string[];
}

/** A process whose printed lines are watched. */
export class Program {
  readonly child: ChildProcess;
  readonly #name: string;
  readonly #lines: string[] = [];
  readonly #watchers = new Set<() => void>();

  constructor(command: string, args: readonly string[], options: ProgramOptions = {}) {
    this.#name = [command, ...args].join(' ');
    this.child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
      cwd: options.cwd,
      uid: options.uid,
      gid: options.gid,
    });
    for (const stream of [options.speaksProtocol === true ? null : this.child.stdout, this.child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => {
        this.#lines.push(line);
        for (const watcher of [...this.#watchers]) watcher();
      });
    }
    this.child.once('exit', () => {
      for (const watcher of [...this.#watchers]) watcher();
    });
    // surfaces through exited(): an unhandled 'error' would end the bench
    this.child.once('error', (error) => this.#lines.push(String(error)));
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** What it printed so far on both streams. */
  get output(): string {
    return this.#lines.join('\n');
  }

  get ended(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null || this.child.pid === undefined;
  }

  /**
   * The first line, printed already or to come, on either stream, that matches.
   *
   * @throws when the process ends or the time is over before; the text holds its last lines
   */
  line(pattern: RegExp, timeoutMs = 20_000): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      let next = 0;
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        this.#watchers.delete(look);
        act();
      };
      const look = (): void => {
        for (; next < this.#lines.length; next++) {
          const match = pattern.exec(this.#lines[next] as string);
          if (match !== null) return settle(() => resolve(match));
        }
        if (this.ended) settle(() => reject(this.#failure(`ended before it printed ${pattern}`)));
      };
      const timer = setTimeout(
        () => settle(() => reject(this.#failure(`did not print ${pattern} within ${timeoutMs} ms`))),
        timeoutMs,
      );
      this.#watchers.add(look);
      look();
    });
  }

  /** @returns the exit code; null when a signal ended it */
  async exited(): Promise<number | null> {
    if (!this.ended) await once(this.child, 'exit');
    return this.child.exitCode;
  }

  /** SIGTERM, and SIGKILL when that does not help within 5 s. */
  async stop(): Promise<void> {
    if (this.ended) return;
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 5_000);
    this.child.kill('SIGTERM');
    await this.exited();
    clearTimeout(timer);
  }

  #failure(what: string): Error {
    return new Error(`"${this.#name}" ${what}. Its last lines:\n${this.#lines.slice(-15).join('\n')}`);
  }
}

/**
 * A process of this bench that answers requests: one JSON line in, one JSON line out. The other half is
 * {@link serveAgent}.
 */
export class Agent extends Program {
  /** @param file absolute path of a module that calls serveAgent(): TypeScript, or a bundle */
  constructor(file: string, options: AgentOptions = {}) {
    const loader = file.endsWith('.ts') ? ['--import', 'tsx'] : [];
    super(process.execPath, [...loader, ...(options.nodeArgs ?? []), file, ...(options.args ?? [])], options);
  }

  /** One request at a time. */
  async ask(request: object, timeoutMs = 60_000): Promise<unknown> {
    const id = Math.random().toString(36).slice(2);
    this.child.stdin?.write(`${JSON.stringify({ id, request })}\n`);
    const [, text] = await this.line(new RegExp(`^agent-reply ${id} (.*)$`), timeoutMs);
    const reply: { result?: unknown; error?: string } = JSON.parse(text ?? '{}');
    if (reply.error !== undefined) throw new Error(reply.error);
    return reply.result;
  }
}

/** Runs in an agent's process: answers each request until its standard input ends. */
export function serveAgent(answer: (request: Record<string, unknown>) => Promise<unknown>): void {
  createInterface({ input: process.stdin }).on('line', (line) => {
    const { id, request }: { id: string; request: Record<string, unknown> } = JSON.parse(line);
    answer(request).then(
      (result) => console.log(`agent-reply ${id} ${JSON.stringify({ result })}`),
      (error: unknown) => console.log(`agent-reply ${id} ${JSON.stringify({ error: String(error) })}`),
    );
  });
}
