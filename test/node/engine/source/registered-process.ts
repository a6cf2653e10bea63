/** A real node process with a script registry that has seen every script of it. */

import type { Protocol } from 'devtools-protocol';
import { createFileNames } from '#node/engine/source/file-names.ts';
import { createScriptRegistry } from '#node/engine/source/script-registry.ts';
import type { ScriptRegistry } from '#node/engine/source/script-registry-interface.ts';
import { createServedFiles } from '#node/security/served-files.ts';
import type { SourceFile } from '#shared/model/source-file.ts';
import { type InspectedProcess, withInspectedProcess } from './inspected-process.ts';

export interface Running extends InspectedProcess {
  readonly registry: ScriptRegistry;
  /** Resolves once some loaded script contains the file. */
  loaded(file: SourceFile): Promise<void>;
}

/** @param root real path of the project folder node is run in */
export function withRegistry(
  root: string,
  args: readonly string[],
  body: (running: Running) => Promise<void>,
): Promise<void> {
  const early: Protocol.Debugger.ScriptParsedEvent[] = [];
  let add = (event: Protocol.Debugger.ScriptParsedEvent): void => void early.push(event);
  return withInspectedProcess(args, { cwd: root, onScript: (event) => add(event) }, async (process) => {
    const registry = createScriptRegistry({
      cdp: process.cdp,
      names: createFileNames(root),
      served: createServedFiles(root),
    });
    const loaded = async (file: SourceFile): Promise<void> => {
      const seen = new Promise<void>((resolve) => {
        registry.onFiles((files) => {
          if (files.some((other) => other.path === file.path && other.package === file.package)) resolve();
        });
      });
      if (!(await registry.has(file))) await seen;
    };
    add = (event) => registry.add(event);
    for (const event of early) registry.add(event);
    await body({ ...process, registry, loaded });
  });
}
