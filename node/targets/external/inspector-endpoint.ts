/** The HTTP side of an inspector port: what listens there, and under which WebSocket address. */

import { get } from 'node:http';
import { isIP } from 'node:net';
import { z } from 'zod';
import { SandboxError } from '#shared/errors.ts';

const ANSWER_LIMIT_MS = 1_000;
const MAX_ANSWER_BYTES = 256 * 1024;

export interface Address {
  /** Name or IP address, without brackets. */
  readonly host: string;
  readonly port: number;
  /** Unix socket that leads there: a tunnel's end. Host and port are then only for people. */
  readonly socketPath?: string;
}

const listSchema = z.array(
  z.object({ id: z.string().regex(/^[\w.-]+$/), type: z.string(), title: z.string().optional() }),
);
const versionSchema = z.object({ Browser: z.string() });

export function formatAddress({ host, port, socketPath }: Address): string {
  if (socketPath !== undefined) return `unix:${socketPath}`;
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

function getJson(address: Address, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    // a kept-alive connection would count as a debugger that is already there
    const { host, port, socketPath } = address;
    const place = socketPath === undefined ? { host, port } : { socketPath };
    const options = { ...place, path, agent: false, timeout: ANSWER_LIMIT_MS };
    const request = get({ ...options, headers: { connection: 'close' } }, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > MAX_ANSWER_BYTES) request.destroy(new Error('the answer is too long'));
        chunks.push(chunk);
      });
      response.on('error', reject);
      response.on('end', () => {
        try {
          resolve(JSON.parse(Buffer.concat(chunks).toString()));
        } catch (error) {
          reject(error);
        }
      });
    });
    // `timeout` counts silence; a slow trickle is bounded here
    const timer = setTimeout(() => request.destroy(new Error('no answer in time')), ANSWER_LIMIT_MS);
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    request.on('close', () => clearTimeout(timer));
    request.on('error', reject);
  });
}

/**
 * @returns the WebSocket URL of the Node inspector at an address
 * @throws {SandboxError} INSPECTOR_UNAVAILABLE when nothing that speaks CDP answers, PROCESS_NOT_NODE for a browser
 */
export async function findInspector(address: Address): Promise<string> {
  const where = formatAddress(address);
  let targets: z.infer<typeof listSchema>;
  let version: z.infer<typeof versionSchema>;
  try {
    version = versionSchema.parse(await getJson(address, '/json/version'));
    targets = listSchema.parse(await getJson(address, '/json/list'));
  } catch (cause) {
    const reason = cause instanceof z.ZodError ? 'it does not answer like an inspector' : (cause as Error).message;
    throw new SandboxError('INSPECTOR_UNAVAILABLE', `No inspector answers at ${where}: ${reason}`, {
      hint: 'Start the program with "sandmesh run", or with node --inspect, or give its pid.',
      cause,
    });
  }
  const target = targets.find(({ type }) => type === 'node');
  if (!version.Browser.startsWith('node.js/') || target === undefined) {
    throw new SandboxError('PROCESS_NOT_NODE', `What answers at ${where} is "${version.Browser}", not Node`);
  }
  return address.socketPath === undefined ? `ws://${where}/${target.id}` : `ws+${where}:/${target.id}`;
}
