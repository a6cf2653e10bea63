/**
 * Launches: command lines that `sandmesh run` is about to start, the environment that makes their Node processes
 * targets, and the ticket by which those processes prove it.
 * A ticket is `<base64url JSON>.<base64url HMAC-SHA256>` under a key in the daemon's home, so that a daemon started
 * later still knows the processes of a launch prepared by its predecessor.
 */

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { SandboxError } from '#shared/errors.ts';
import { makeFolder } from '../storage/make-folder.ts';
import type { AdapterLaunch } from './adapter/recipes.ts';
import type { AttachedProcess, ProcessExit } from './attached-process.ts';
import { LAUNCH_VARIABLE, SOCKET_VARIABLE } from './harness/shared-state.ts';
import { splitNodeArguments } from './node-arguments.ts';

const KEY_BYTES = 32;
const HARNESS_FILE = 'harness.cjs';
const RESTRICTION = /^--(?:experimental-)?permission$/;
const REQUIRE_OWN = /(?:^|\s)--require[= ](?:"(?:[^"\\]|\\.)*harness\.cjs"|\S*harness\.cjs)(?=\s|$)/g;

export interface LaunchOptions {
  readonly argv: readonly string[];
  /** Absolute folder the command line starts in. */
  readonly folder: string;
  /** No limit on how long its processes are held: they start on {@link AttachedProcess.release} only. */
  readonly wait?: boolean;
  /** The caller's own NODE_OPTIONS; kept, after ours. */
  readonly nodeOptions?: string;
  /** Handed back untouched with every process of the launch, after a daemon restart too (for example a sandbox id). */
  readonly context?: string;
  /** The debug adapter that debugs it. */
  readonly adapter?: AdapterLaunch;
}

export interface Launch {
  readonly id: string;
  readonly folder: string;
  /** Empty when an earlier daemon prepared it. */
  readonly argv: readonly string[];
  readonly wait: boolean;
  readonly context: string | undefined;
  /** Absent for Node programs; and when an earlier daemon prepared it, whose session with the adapter is over. */
  readonly adapter?: AdapterLaunch | undefined;
  /** Its processes that are attached now. */
  readonly processes: ReadonlySet<AttachedProcess>;
  /** Set by {@link LaunchBook.finish}. */
  readonly ended: Pick<ProcessExit, 'code' | 'signal'> | undefined;
}

export interface PreparedLaunch {
  readonly launch: Launch;
  /** To be added to the program's environment. */
  readonly env: Readonly<Record<string, string>>;
}

interface LaunchRecord extends Launch {
  readonly processes: Set<AttachedProcess>;
  ended: Launch['ended'];
}

const ticketSchema = z.object({
  id: z.string().regex(/^[0-9a-f]{16}$/),
  folder: z.string().max(4096),
  wait: z.boolean(),
  context: z.string().max(4096).optional(),
});

export interface LaunchBookOptions {
  /** Secret of this home; 32 bytes. */
  readonly key: Uint8Array;
  /** Folder of the bundled harness. */
  readonly distDir: string;
  readonly socketPath: string;
}

export class LaunchBook {
  readonly #options: LaunchBookOptions;
  readonly #launches = new Map<string, LaunchRecord>();

  constructor(options: LaunchBookOptions) {
    this.#options = options;
  }

  /** @throws {SandboxError} BAD_ARGUMENT for a program that no debugger can enter */
  prepare(options: LaunchOptions): PreparedLaunch {
    const { argv, folder, wait = false, nodeOptions = '', context, adapter } = options;
    if (adapter === undefined) assertUnrestricted(argv, nodeOptions);
    const id = randomBytes(8).toString('hex');
    const launch = newRecord({ id, folder, argv, wait, context, adapter });
    this.#launches.set(id, launch);
    const body = Buffer.from(JSON.stringify({ id, folder, wait, context })).toString('base64url');
    const env = {
      NODE_OPTIONS: mergeNodeOptions(nodeOptions, path.join(this.#options.distDir, HARNESS_FILE)),
      [LAUNCH_VARIABLE]: `${body}.${this.#sign(body).toString('base64url')}`,
      [SOCKET_VARIABLE]: this.#options.socketPath,
    };
    return { launch, env };
  }

  get(id: string): Launch | undefined {
    return this.#launches.get(id);
  }

  /** Notes that the command line ended; its leftover processes stay targets. Harmless for an unknown id. */
  finish(id: string, exit: Pick<ProcessExit, 'code' | 'signal'>): void {
    const launch = this.#launches.get(id);
    if (launch === undefined) return;
    launch.ended = exit;
    this.#forgetIfOver(launch);
  }

  /**
   * @param ticket untrusted
   * @returns the launch it stands for
   * @throws {SandboxError} UNAUTHENTICATED
   */
  admit(ticket: string): Launch {
    const [body = '', proof = ''] = ticket.split('.');
    const given = Buffer.from(proof, 'base64url');
    const expected = this.#sign(body);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw badTicket();
    const parsed = ticketSchema.safeParse(JSON.parse(Buffer.from(body, 'base64url').toString()));
    if (!parsed.success) throw badTicket();
    const { id, folder, wait, context } = parsed.data;
    const known = this.#launches.get(id);
    if (known !== undefined) return known;
    const launch = newRecord({ id, folder, argv: [], wait, context });
    this.#launches.set(id, launch);
    return launch;
  }

  /** Counts a process among its launch's until it exits. */
  track(process: AttachedProcess): void {
    const launch = process.launch === undefined ? undefined : this.#launches.get(process.launch);
    if (launch === undefined) return;
    launch.processes.add(process);
    process.events.on('exit', () => {
      launch.processes.delete(process);
      this.#forgetIfOver(launch);
    });
  }

  #forgetIfOver(launch: LaunchRecord): void {
    if (launch.ended !== undefined && launch.processes.size === 0) this.#launches.delete(launch.id);
  }

  #sign(body: string): Buffer {
    return createHmac('sha256', this.#options.key).update(body).digest();
  }
}

function newRecord(fields: Pick<Launch, 'id' | 'folder' | 'argv' | 'wait' | 'context' | 'adapter'>): LaunchRecord {
  return { ...fields, processes: new Set(), ended: undefined };
}

function badTicket(): SandboxError {
  return new SandboxError(
    'UNAUTHENTICATED',
    'Cannot take a process as a target: sandmesh of this home did not start it',
  );
}

/**
 * Puts our preload first, so that the person's own preloads can be debugged too; one of an outer `sandmesh run` is
 * replaced.
 *
 * @param nodeOptions as in the environment, quoted as Node reads it
 */
export function mergeNodeOptions(nodeOptions: string, preloadFile: string): string {
  const own = `--require ${quoteNodeOption(preloadFile)}`;
  const others = nodeOptions.replace(REQUIRE_OWN, '').trim();
  return others === '' ? own : `${own} ${others}`;
}

/** Quotes only where needed: some tools split NODE_OPTIONS at every space. */
function quoteNodeOption(value: string): string {
  return /[\s"\\]/.test(value) ? `"${value.replace(/["\\]/g, '\\$&')}"` : value;
}

/** Reads the home's launch key, making it on first use. The folder must be this user's alone. */
export function loadLaunchKey(keyFile: string): Uint8Array {
  try {
    makeFolder(path.dirname(keyFile));
    writeFileSync(keyFile, randomBytes(KEY_BYTES), { mode: 0o600, flag: 'wx' });
  } catch (cause) {
    if (!existsSync(keyFile)) {
      throw new SandboxError('HOME_UNWRITABLE', `Cannot write the launch key "${keyFile}"`, { cause });
    }
  }
  const key = readFileSync(keyFile);
  if (key.length === KEY_BYTES) return key;
  throw new SandboxError(
    'STORAGE_CORRUPT',
    `Cannot use the launch key "${keyFile}": it has ${key.length} bytes, not 32`,
    {
      hint: 'Remove the file; programs that run now will not be found again after a daemon restart.',
    },
  );
}

/** Under Node's permission model the harness may not even be read, and the program would end of that before its first line. */
function assertUnrestricted(argv: readonly string[], nodeOptions: string): void {
  const [binary = ''] = argv;
  const options = /^node(?:\.exe)?$/.test(path.basename(binary)) ? splitNodeArguments(argv).execArgv : [];
  const restriction = [...options, ...nodeOptions.split(/\s+/)].find((each) => RESTRICTION.test(each));
  if (restriction === undefined) return;
  throw new SandboxError(
    'BAD_ARGUMENT',
    `Cannot debug a program that runs with ${restriction}: it lets no debugger in`,
    {
      hint: 'Leave that option out while you debug.',
    },
  );
}
