/** A process on another machine: where its inspector listens, found by a Node of that machine. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERROR_CODES, type ErrorCode, SandboxError } from '#shared/errors.ts';
import { packageRoot } from '../package-root.ts';
import type { SshConnection } from './ssh-connection.ts';

export interface RemoteInspector {
  readonly host: string;
  readonly port: number;
  /** It was closed before. */
  readonly opened: boolean;
}

interface Answer extends Partial<RemoteInspector> {
  readonly error?: { readonly code: string; readonly message: string };
}

const ANSWER = /^sandmesh-inspector (\{.*\})$/m;

/**
 * One line without quotes of its own, which every login shell takes. The process's own Node is there for sure; where it
 * is none, or somebody else's, the one on the PATH says so.
 */
function findCommand(pid: number): string {
  return `sh -c 'unset NODE_OPTIONS; exe=$(readlink /proc/${pid}/exe || ps -o comm= -p ${pid}); case "\${exe##*/}" in node|node\\ *|nodejs*) node=$exe; test -x "$node" || node=/proc/${pid}/exe ;; *) node=$(command -v node || command -v nodejs) ;; esac; test -n "$node" || exit 127; exec "$node" - ${pid}'`;
}

/**
 * Finds the inspector, and opens it where there is none.
 *
 * @throws {SandboxError} PROCESS_UNKNOWN, PROCESS_FORBIDDEN, PROCESS_NOT_NODE, INSPECTOR_UNAVAILABLE
 */
export async function findRemoteInspector(
  connection: SshConnection,
  destination: string,
  pid: number,
): Promise<RemoteInspector> {
  const script = readFileSync(join(packageRoot().folder, '.dist', 'remote-inspector.cjs'), 'utf8');
  const { code: exitCode, stdout, stderr } = await connection.run(findCommand(pid), script);
  const found = ANSWER.exec(stdout)?.[1];
  if (found === undefined) throw noAnswer(pid, destination, exitCode, stderr);
  const { error, host, port, opened } = JSON.parse(found) as Answer;
  if (error !== undefined) {
    const code = Object.hasOwn(ERROR_CODES, error.code) ? (error.code as ErrorCode) : 'INTERNAL';
    throw new SandboxError(code, `On ${destination}: ${error.message}`, {
      hint: `What runs there: ssh ${destination} pgrep -a node`,
    });
  }
  if (typeof host === 'string' && typeof port === 'number') return { host, port, opened: opened === true };
  throw noAnswer(pid, destination, exitCode, stdout);
}

function noAnswer(pid: number, destination: string, code: number | null, said: string): SandboxError {
  if (code === 127) {
    return new SandboxError('PROCESS_NOT_NODE', `Cannot attach to pid ${pid} on ${destination}: no Node is there`, {
      hint: `It is gone, or no Node process; and no other Node is on the PATH: ssh ${destination} ps -p ${pid}`,
    });
  }
  const last = said.trim().split('\n').pop() ?? '';
  return new SandboxError('INSPECTOR_UNAVAILABLE', `Cannot attach to pid ${pid} on ${destination}: ${last}`, {
    hint: 'The Node there did not say where the inspector is.',
  });
}
