/**
 * Opens and closes a program's inspector from inside. SIGUSR1 opens it on port 9229, of which a machine has one: it is
 * moved to a free port at once, and closed again when we leave.
 */

import type { CdpConnection } from '../cdp-connection.ts';

const ASK_LIMIT_MS = 2_000;

/**
 * Finds `node:inspector` in any program: the newer built-in look-up, the console's own `require` (there also where the
 * entry is an ES module), the main module's.
 */
const FIND_INSPECTOR = `
  const find = globalThis.process.getBuiltinModule
    ?? (typeof require === 'function' ? require : undefined)
    ?? globalThis.process.mainModule?.require?.bind(globalThis.process.mainModule);
  const inspector = find?.('inspector');`;

async function ask(cdp: CdpConnection, body: string): Promise<boolean> {
  const answer = await cdp.send(
    'Runtime.evaluate',
    {
      expression: `(() => {${FIND_INSPECTOR} if (!inspector) return false; ${body} return true; })()`,
      includeCommandLineAPI: true,
      returnByValue: true,
      silent: true,
    },
    { timeoutMs: ASK_LIMIT_MS },
  );
  return answer.result.value === true;
}

/**
 * Asks the program to close its inspector and to open it on a free port as soon as we have disconnected: closing waits
 * for every client to leave, so disconnect at once.
 *
 * @returns false when the program offers no way
 */
export function moveInspectorLater(cdp: CdpConnection): Promise<boolean> {
  return ask(cdp, `setTimeout(() => { inspector.close(); inspector.open(0, '127.0.0.1'); }, 0);`);
}

/** Asks the program to close its inspector as soon as we have disconnected; never rejects. */
export async function closeInspectorLater(cdp: CdpConnection): Promise<void> {
  // gone or unwilling: the port stays open until the program ends, as `kill -USR1` leaves it too
  await ask(cdp, 'setTimeout(() => inspector.close(), 0);').catch(() => false);
}
