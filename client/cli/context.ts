/**
 * What a command works with: streams, environment, home, and one lazily opened connection that is closed when the
 * command ends.
 */

import { isAbsolute, join } from 'node:path';
import type { CommandOptions, SandmeshClient, Scope } from '#client/sdk/client.ts';
import type { TopicMessage } from '#client/sdk/subscription.ts';
import type { CommandInput, CommandName, CommandResult } from '#protocol/catalogue/catalogue.ts';
import type { HomePaths } from '#protocol/home-paths.ts';
import type { TopicName } from '#protocol/topics.ts';
import { SandboxError } from '#shared/errors.ts';
import { isSandboxId, type SandboxId } from '#shared/ids.ts';
import { connectToDaemon } from './daemon-connection.ts';
import { currentHome } from './home.ts';
import type { Output } from './output.ts';

export interface ContextOptions {
  readonly output: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** `--sandbox`: id, unique prefix of one, or name. */
  readonly sandbox: string | undefined;
  /** `--set`: settings for a daemon that this command starts. */
  readonly settings?: readonly string[];
  /** The terminal's input; read only by prompts and key bindings, never by `run`. */
  readonly stdin: () => NodeJS.ReadStream;
}

export interface ConnectChoice {
  /** Start a daemon when none runs; true unless given. */
  readonly start?: boolean;
  readonly keepUp?: boolean;
}

export class CliContext {
  readonly output: Output;
  readonly env: ContextOptions['env'];
  readonly cwd: string;
  readonly stdin: () => NodeJS.ReadStream;
  readonly #wanted: string | undefined;
  readonly #settings: readonly string[];
  #client: Promise<SandmeshClient> | undefined;
  #scope: Promise<Scope> | undefined;
  #abort: AbortController | undefined;

  constructor(options: ContextOptions) {
    this.output = options.output;
    this.env = options.env;
    this.cwd = options.cwd;
    this.stdin = options.stdin;
    this.#wanted = options.sandbox;
    this.#settings = options.settings ?? [];
  }

  /** `--set`, for a daemon that is started. */
  get settings(): readonly string[] {
    return this.#settings;
  }

  /** @throws {SandboxError} CONFIG_INVALID */
  get paths(): HomePaths {
    return currentHome(this.env);
  }

  /** A path as the person typed it, for the daemon, which stands in another folder. */
  absolute(file: string): string {
    return isAbsolute(file) ? file : join(this.cwd, file);
  }

  /** A person can be asked: both ends are a terminal and nobody parses the output. */
  get interactive(): boolean {
    return !this.output.json && this.output.stdout.isTTY === true && this.stdin().isTTY === true;
  }

  /** Aborts on the first Ctrl-C or SIGTERM; asking for it takes the default action from those signals. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      const controller = new AbortController();
      this.#abort = controller;
      const abort = (): void => controller.abort(new SandboxError('CANCELLED', 'Interrupted'));
      for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, abort);
    }
    return this.#abort.signal;
  }

  /**
   * The one connection of this command; later calls return the first one.
   *
   * @throws {SandboxError} DAEMON_UNREACHABLE, HOME_UNWRITABLE; DAEMON_RUNNING when it runs without what `--set` says
   */
  connect(choice: ConnectChoice = {}): Promise<SandmeshClient> {
    this.#client ??= connectToDaemon({
      paths: this.paths,
      env: this.env,
      start: choice.start ?? true,
      keepUp: choice.keepUp ?? false,
      settings: this.#settings,
      signal: this.#abort?.signal,
    });
    return this.#client;
  }

  /** Runs a command about the sandbox of `--sandbox`, else of the current folder. */
  async call<N extends CommandName>(
    name: N,
    args: CommandInput<N>,
    options: CommandOptions = {},
  ): Promise<CommandResult<N>> {
    const client = await this.connect();
    const scope = options.sandbox === undefined ? await this.scope() : {};
    return client.call(name, args, { ...scope, ...options });
  }

  /**
   * Listens to topics of that sandbox until `signal` aborts, coming back when the daemon went away and is back.
   *
   * @throws {SandboxError} SANDBOX_UNKNOWN
   */
  async subscribe<T extends TopicName>(
    topics: T | readonly T[],
    signal: AbortSignal,
  ): Promise<AsyncIterableIterator<TopicMessage<T>>> {
    const client = await this.connect({ keepUp: true });
    // A subscription has no reply: this call is where a folder without a sandbox is told so.
    await this.call('member.list', {});
    return client.subscribe(topics, { ...(await this.scope()), signal });
  }

  /** @throws {SandboxError} SANDBOX_UNKNOWN when `--sandbox` names none or several */
  scope(): Promise<Scope> {
    this.#scope ??= this.#resolveScope();
    return this.#scope;
  }

  close(): void {
    // A connection that failed was already reported to whoever asked for it.
    this.#client?.then(
      (client) => client.close(),
      () => undefined,
    );
  }

  async #resolveScope(): Promise<Scope> {
    const wanted = this.#wanted;
    if (wanted === undefined) return { folder: this.cwd };
    if (isSandboxId(wanted)) return { sandbox: wanted };
    const client = await this.connect();
    const { sandboxes } = await client.call('sandbox.list', {});
    const matches = sandboxes.filter((sandbox) => sandbox.name === wanted || sandbox.id.startsWith(wanted));
    const exact = sandboxes.filter((sandbox) => sandbox.name === wanted);
    const chosen: SandboxId | undefined = (exact.length === 1 ? exact : matches.length === 1 ? matches : [])[0]?.id;
    if (chosen !== undefined) return { sandbox: chosen };
    const known = sandboxes.map((sandbox) => `${sandbox.name} (${sandbox.id.slice(0, 8)})`).join(', ');
    const problem = matches.length > 1 ? `it fits ${matches.length} sandboxes` : 'there is no such sandbox';
    throw new SandboxError('SANDBOX_UNKNOWN', `Cannot use --sandbox "${wanted}": ${problem}`, {
      hint: known === '' ? 'This daemon is in no sandbox yet.' : `Known: ${known}.`,
    });
  }
}
