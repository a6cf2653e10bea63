/**
 * Configuration: one schema, four sources. Precedence, strongest first: flag, environment, file, default. The file
 * is JSON with flat dotted keys, so that `config set` can write it without losing what a person wrote.
 */

import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { userInfo } from 'node:os';
import { z } from 'zod';
import { issueText } from '#protocol/issue-text.ts';
import { SandboxError } from '#shared/errors.ts';
import { ROLES } from '#shared/rights.ts';
import { writeFileAtomic } from './atomic-file.ts';

const DAY_MS = 24 * 3600_000;
const MAX_QUOTED = 200;
/** Of keys that are read once. */
const NEXT_START = 'Holds from the next start of the daemon';

/** How a debug adapter is started, or where it listens, and what it is asked. */
const adapterSchema = z
  .strictObject({
    command: z.array(z.string().max(4096)).min(1).max(100).optional(),
    /** host:port */
    address: z
      .string()
      .regex(/^\S{1,255}:\d{1,5}$/)
      .optional(),
    request: z.enum(['launch', 'attach']).default('launch'),
    /** Of that request; `{program}`, `{cwd}` and the element `{args}` stand for those of the command line. */
    arguments: z.record(z.string(), z.unknown()).default({ program: '{program}', args: ['{args}'], cwd: '{cwd}' }),
    language: z.string().max(40).optional(),
  })
  .refine(
    ({ command, address }) => (command === undefined) !== (address === undefined),
    'give a command or an address',
  );

/** What `api.names` lists. */
export function namesIn(text: string): string[] {
  return text
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);
}

/** Compared exactly with what clients send: a pattern, a scheme or a port would match nothing. */
function isHostName(name: string): boolean {
  return isIP(name) !== 0 || /^[\w-]+(\.[\w-]+)*\.?$/.test(name);
}

/** Every key, its type, default and one line for people. Durations end in `Ms`. */
export const configSchema = z.object({
  name: z.string().min(1).max(64).describe('Your name as other members see it'),
  'network.reach': z
    .enum(['loopback', 'lan'])
    .describe('Who can reach this daemon before "sandmesh share": this machine only, or the local network'),
  'network.port': z
    .number()
    .int()
    .min(0)
    .max(65535)
    .describe(`TCP port for peers; 0 picks one and remembers it. ${NEXT_START}`),
  'api.port': z
    .number()
    .int()
    .min(0)
    .max(65535)
    .describe(`TCP port of the local API; 0 picks one and remembers it. ${NEXT_START}`),
  'api.host': z
    .union([z.ipv4(), z.ipv6()], { error: 'it takes an IP address' })
    .describe(`Address of the local API; one beyond loopback needs api.exposed too. ${NEXT_START}`),
  'api.exposed': z.boolean().describe(`Whether the local API may listen beyond this machine. ${NEXT_START}`),
  'api.names': z
    .string()
    .max(1000)
    .refine((text) => namesIn(text).every(isHostName), 'it takes host names or IP addresses with commas, without port')
    .describe(`Further names and addresses under which the local API answers, with commas. ${NEXT_START}`),
  'api.tlsCert': z
    .string()
    .max(4096)
    .describe(`PEM file with the certificate of the local API; nothing: plain HTTP. ${NEXT_START}`),
  'api.tlsKey': z.string().max(4096).describe(`PEM file with the key of that certificate. ${NEXT_START}`),
  'share.role': z.enum(ROLES).exclude(['owner']).describe('Role that a printed link offers'),
  'share.expiresMs': z
    .number()
    .int()
    .min(60_000)
    .max(365 * DAY_MS)
    .describe('How long a printed link stays valid'),
  'daemon.idleMs': z
    .number()
    .int()
    .min(1_000)
    .describe('The daemon stops after this long without target, client or connected peer'),
  'log.level': z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .describe(`Detail of daemon.log. ${NEXT_START}`),
  'debug.adapters': z
    .record(z.string().max(100), adapterSchema)
    .describe('Debug adapters of your own for "sandmesh run --adapter <name>", see the README'),
  'debug.leaseIdleMs': z.number().int().min(1_000).describe('The driver lease lapses after this long without a step'),
  'debug.leaseTurnMs': z
    .number()
    .int()
    .min(1_000)
    .describe('The driver lease passes on after this long when somebody waits for it'),
  'debug.pauseLimitMs': z
    .number()
    .int()
    .min(1_000)
    .describe('How long each guest may hold a program of yours; it comes back while they do not'),
  'snapshots.kept': z
    .number()
    .int()
    .min(0)
    .max(300)
    .describe(`Snapshots kept of your programs, per sandbox; 0: pauses leave none. ${NEXT_START}`),
});

export type Config = z.infer<typeof configSchema>;
export type ConfigKey = keyof Config;
export type ConfigSource = 'flag' | 'environment' | 'file' | 'default';

export interface ConfigEntry {
  readonly key: ConfigKey;
  readonly value: unknown;
  readonly source: ConfigSource;
  readonly description: string;
}

function defaults(): Config {
  return {
    name: userName(),
    'network.reach': 'loopback',
    'network.port': 0,
    'api.port': 0,
    'api.host': '127.0.0.1',
    'api.exposed': false,
    'api.names': '',
    'api.tlsCert': '',
    'api.tlsKey': '',
    'share.role': 'debugger',
    'share.expiresMs': DAY_MS,
    'daemon.idleMs': 600_000,
    'log.level': 'info',
    'debug.adapters': {},
    'debug.leaseIdleMs': 60_000,
    'debug.leaseTurnMs': 120_000,
    'debug.pauseLimitMs': 600_000,
    'snapshots.kept': 50,
  };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A user id without a passwd entry (containers) has no name; anything non-empty will do.
    return 'developer';
  }
}

/** `network.reach` → `SANDMESH_NETWORK_REACH` */
export function environmentName(key: ConfigKey): string {
  return `SANDMESH_${key
    .replaceAll('.', '_')
    .replace(/[A-Z]/g, (c) => `_${c}`)
    .toUpperCase()}`;
}

export class ConfigStore {
  readonly #file: string;
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #flags: Readonly<Partial<Record<string, string>>>;
  #fileValues: Record<string, unknown>;

  /**
   * @param file may be absent
   * @param flags `key → text`, as given on the command line
   * @throws {SandboxError} CONFIG_INVALID naming the source, the key and what it takes
   */
  constructor(
    file: string,
    environment: Readonly<Record<string, string | undefined>>,
    flags: Readonly<Partial<Record<string, string>>> = {},
  ) {
    this.#file = file;
    this.#environment = environment;
    this.#flags = flags;
    for (const key of Object.keys(flags)) assertKey(key);
    this.#fileValues = readValues(file);
    for (const key of Object.keys(configSchema.shape) as ConfigKey[]) this.entry(key);
  }

  get<K extends ConfigKey>(key: K): Config[K] {
    return this.entry(key).value as Config[K];
  }

  /** @throws {SandboxError} CONFIG_INVALID for an unknown key */
  entry(key: string): ConfigEntry {
    assertKey(key);
    const description = configSchema.shape[key].description ?? '';
    const flag = this.#flags[key];
    if (flag !== undefined) return { key, value: parseText(key, flag, 'flag'), source: 'flag', description };
    const variable = this.#environment[environmentName(key)];
    if (variable !== undefined && variable !== '') {
      const value = parseText(key, variable, `environment variable ${environmentName(key)}`);
      return { key, value, source: 'environment', description };
    }
    const stored = this.#fileValues[key];
    if (stored !== undefined)
      return { key, value: check(key, stored, `file ${this.#file}`), source: 'file', description };
    return { key, value: defaults()[key], source: 'default', description };
  }

  list(): ConfigEntry[] {
    return Object.keys(configSchema.shape).map((key) => this.entry(key));
  }

  /**
   * Writes one value to the file, durably, and returns what is in force now (an environment variable may still win).
   *
   * @throws {SandboxError} CONFIG_INVALID, HOME_UNWRITABLE
   */
  set(key: string, text: string): ConfigEntry {
    assertKey(key);
    // Commands that will be run: whoever may call the daemon need not be one who may name them.
    if (key === 'debug.adapters') throw byHandOnly(key, this.#file);
    const value = parseText(key, text, 'command line');
    const values = { ...readValues(this.#file), [key]: value };
    writeFileAtomic(this.#file, `${JSON.stringify(values, null, 2)}\n`);
    this.#fileValues = values;
    return this.entry(key);
  }
}

function byHandOnly(key: string, file: string): SandboxError {
  return new SandboxError('CONFIG_INVALID', `Cannot set ${key}: it names commands to run`, {
    hint: `Write it into "${file}" yourself.`,
  });
}

function assertKey(key: string): asserts key is ConfigKey {
  if (Object.hasOwn(configSchema.shape, key)) return;
  throw new SandboxError('CONFIG_INVALID', `Cannot use the configuration key "${key}": there is no such key`, {
    hint: `Keys: ${Object.keys(configSchema.shape).join(', ')}.`,
  });
}

function parseText(key: ConfigKey, text: string, source: string): unknown {
  return check(key, typed(configSchema.shape[key], text), source);
}

/** Text as the type its key takes; what does not read as one is left for the schema to refuse. */
function typed(schema: z.ZodType, text: string): unknown {
  const number = Number(text);
  if (schema instanceof z.ZodNumber && text.trim() !== '' && Number.isFinite(number)) return number;
  if (schema instanceof z.ZodBoolean && (text === 'true' || text === 'false')) return text === 'true';
  return schema instanceof z.ZodRecord ? (json(text) ?? text) : text;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the schema says what is wrong with it
  }
}

function check(key: ConfigKey, value: unknown, source: string): unknown {
  const parsed = configSchema.shape[key].safeParse(value);
  if (parsed.success) return parsed.data;
  const problem = issueText(parsed.error.issues[0]);
  throw new SandboxError('CONFIG_INVALID', `Cannot use ${key} = ${quoted(value)} from the ${source}: ${problem}`);
}

function quoted(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length <= MAX_QUOTED ? text : `${text.slice(0, MAX_QUOTED)}…`;
}

function readValues(file: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return {};
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SandboxError('CONFIG_INVALID', `Cannot read the configuration "${file}": ${reason}`, { cause });
  }
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(text));
  } catch (cause) {
    throw new SandboxError('CONFIG_INVALID', `Cannot read the configuration "${file}": it is not a JSON object`, {
      hint: 'Mend the file, or move it away to start from the defaults.',
      cause,
    });
  }
}
