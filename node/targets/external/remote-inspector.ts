/**
 * Runs on another machine, as one bundled file that `sandmesh attach --ssh` gives to a Node there on its standard input:
 * finds the inspector of a process, or opens it, and says so in one line. Nothing is installed or left there.
 */

import { SandboxError } from '#shared/errors.ts';
import { currentPlatform } from '../platform/current.ts';
import type { Address } from './inspector-endpoint.ts';
import { findOpenInspector, openInspector } from './inspector-port.ts';
import { refuseSecondDebugger, requireAttachable } from './obstacles.ts';

/** @returns where its inspector listens, and whether it was opened for us */
async function findInspectorOf(pid: number): Promise<Address & { opened: boolean }> {
  const platform = currentPlatform();
  const info = await requireAttachable(pid, platform);
  const open = await findOpenInspector(info, platform);
  if (open === undefined) return { ...(await openInspector(info, platform)), opened: true };
  await refuseSecondDebugger(open.port, platform);
  return { ...open, opened: false };
}

/** The mark tells the line from what a login script may print. */
function say(answer: object): void {
  process.stdout.write(`\nsandmesh-inspector ${JSON.stringify(answer)}\n`);
}

findInspectorOf(Number(process.argv[2])).then(say, (error: unknown) => {
  const { code = 'INTERNAL', message } = error as Partial<SandboxError> & Error;
  say({ error: { code: error instanceof SandboxError ? code : 'INTERNAL', message } });
});
