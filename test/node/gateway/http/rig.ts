/** The local API on a free loopback port, over a pipeline that only notes what it is asked. */

import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { LocalApi } from '#node/gateway/http/local-api.ts';
import type { CommandRequest } from '#node/pipeline/request.ts';
import type { RunningSandbox } from '#node/sandbox/running-sandbox.ts';
import { TopicHub } from '#node/sandbox/topic-hub.ts';
import { ownTokenFile } from '#node/security/kept-tokens.ts';
import { ConfigStore } from '#node/storage/config.ts';
import type { Scope } from '#protocol/api/scopes.ts';
import { SandboxError } from '#shared/errors.ts';
import type { SandboxId } from '#shared/ids.ts';
import { withFolder } from '../../temporary-folder.ts';

export const HERE = 'ab'.repeat(20) as SandboxId;

export interface ApiRig {
  readonly api: LocalApi;
  readonly hub: TopicHub;
  readonly port: number;
  readonly requests: CommandRequest[];
  readonly errors: unknown[];
  /** Sessions that are over. */
  readonly ended: string[];
  /** The user's own token. */
  readonly token: string;
  /** Lets the clock of the tokens run ahead. */
  advance(ms: number): void;
  access(scopes?: readonly Scope[]): Promise<string>;
  /** With access to everything unless `headers` say otherwise. */
  ask(method: string, path: string, options?: AskOptions): Promise<Answer>;
  /** Sends bytes as they are and reads until the other side closes. */
  raw(bytes: string): Promise<string>;
}

export interface AskOptions {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Of a JSON answer; an empty object otherwise. */
  readonly body: Json;
}

/** Any JSON, to be asserted about. */
export interface Json {
  readonly [name: string]: Json;
}

/** What commands answer: `fail.*` fails, others say what they were asked. */
async function answer(request: CommandRequest): Promise<unknown> {
  if (request.args['name'] === 'fail') throw new SandboxError('NOT_PAUSED', 'it runs', { hint: 'pause it' });
  if (request.args['name'] === 'fault') throw new TypeError('a fault of ours');
  const items = [{ id: 'a' }, { id: 'b' }, { id: 'c' }];
  return { asked: request.command, args: request.args, sandboxes: items, sandbox: request.sandbox };
}

export async function withApi(
  use: (rig: ApiRig) => Promise<unknown>,
  run: (request: CommandRequest) => Promise<unknown> = answer,
  sandbox?: RunningSandbox,
  environment: Readonly<Record<string, string>> = {},
): Promise<void> {
  await withFolder(async (folder) => {
    const requests: CommandRequest[] = [];
    const errors: unknown[] = [];
    const ended: string[] = [];
    const hub = new TopicHub();
    let ahead = 0;
    const api = await LocalApi.start({
      config: new ConfigStore(join(folder, 'config.json'), environment),
      keysDir: join(folder, 'keys'),
      portFile: join(folder, 'api-port'),
      version: '1.2.3',
      hub,
      run: (request) => {
        requests.push(request);
        return run(request);
      },
      resolveSandbox: async (wanted) => sandbox ?? ({ id: wanted ?? HERE } as RunningSandbox),
      onClients: () => undefined,
      onSessionEnd: (session) => ended.push(session),
      onRefusal: () => undefined,
      onMoreRefusals: () => undefined,
      onError: (error) => errors.push(error),
      now: () => Date.now() + ahead,
      gauges: () => ({ sandboxes: 1, targets: 2, peers: 3, cliClients: 4, envelopes: 5 }),
    });
    const token = readFileSync(ownTokenFile(join(folder, 'keys')), 'utf8').trim();
    const access = async (scopes?: readonly Scope[]): Promise<string> =>
      (await api.tokens.exchange(token, scopes)).accessToken;
    const ask = async (method: string, path: string, { body, headers = {} }: AskOptions = {}): Promise<Answer> => {
      const typed = body === undefined ? {} : { 'content-type': 'application/json' };
      const response = await fetch(api.origin + path, {
        method,
        headers: { authorization: `Bearer ${await access()}`, ...typed, ...headers },
        ...(body === undefined
          ? {}
          : { body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      const isJson = text !== '' && /json/.test(response.headers.get('content-type') ?? '');
      return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : {} };
    };
    const port = Number(new URL(api.origin).port);
    try {
      const advance = (ms: number): void => {
        ahead += ms;
      };
      await use({
        api,
        hub,
        port,
        requests,
        errors,
        ended,
        token,
        advance,
        access,
        ask,
        raw: (bytes) => sendRaw(port, bytes),
      });
    } finally {
      await api.stop();
    }
  });
}

function sendRaw(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.once('error', reject);
    socket.once('close', () => resolve(Buffer.concat(chunks).toString()));
  });
}
