/**
 * Process ids across Linux's pid namespaces, as containers have them: what a process calls itself is not what it is called
 * here. Loaded into other people's programs too, so nothing but the file system is used.
 */

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Names the namespace of this process; undefined where there are none. */
export function pidNamespace(): string | undefined {
  return namespaceOf('self');
}

/**
 * @param namespace as the process itself has it from {@link pidNamespace}
 * @returns what it is called here; undefined when it cannot be seen from here
 */
export function pidHere(pid: number, namespace: string | undefined): number | undefined {
  if (namespace === undefined || namespace === pidNamespace()) return pid;
  const found = readdirSync('/proc').find(
    (name) => /^\d+$/.test(name) && ownNumber(Number(name)) === pid && namespaceOf(name) === namespace,
  );
  return found === undefined ? undefined : Number(found);
}

/** What a process of this machine is called in its own namespace; undefined when gone, or where there are none. */
export function ownNumber(pid: number): number | undefined {
  try {
    const [, numbers = ''] = /^NSpid:\s*(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    const last = Number(numbers.trim().split(/\s+/).at(-1));
    return last > 0 ? last : undefined;
  } catch {
    return undefined; // it ended, or there is no /proc
  }
}

function namespaceOf(name: string): string | undefined {
  try {
    return readlinkSync(`/proc/${name}/ns/pid`);
  } catch {
    return undefined; // it ended, is another user's, or there is no /proc
  }
}
