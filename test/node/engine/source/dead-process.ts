/** A registry without a process: what it is told of scripts is all there is. */

import type { Protocol } from 'devtools-protocol';
import { createFileNames } from '#node/engine/source/file-names.ts';
import { createScriptRegistry } from '#node/engine/source/script-registry.ts';
import type { ScriptRegistry } from '#node/engine/source/script-registry-interface.ts';
import { createServedFiles } from '#node/security/served-files.ts';
import type { CdpSession } from '#node/targets/attached-process.ts';
import { SandboxError } from '#shared/errors.ts';

export const deadCdp: CdpSession = {
  send: () => Promise.reject(new SandboxError('TARGET_GONE', 'gone')),
  on: () => () => undefined,
};

export function parsed(scriptId: number, url: string, more: object = {}): Protocol.Debugger.ScriptParsedEvent {
  const place = { startLine: 0, startColumn: 0, endLine: 1, endColumn: 0, executionContextId: 1 };
  return { scriptId: String(scriptId), url, hash: '', buildId: '', ...place, ...more };
}

export function deadRegistry(root: string): ScriptRegistry {
  return createScriptRegistry({ cdp: deadCdp, names: createFileNames(root), served: createServedFiles(root) });
}
