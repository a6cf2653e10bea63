/** Texts as the program runs them, for whoever has no checkout; and what it has loaded. */

import { z } from 'zod';
import { formatSourceFile, type SourceFile } from '#shared/model/source-file.ts';
import { type RequestTable, request } from '../dap-request.ts';
import type { DapSession } from '../dap-session.ts';
import { sourceSchema } from './breakpoints.ts';

/** Lines of one part: a reply has to fit into a frame. */
const PART_LINES = 10_000;
const MAX_LISTED = 5_000;

const sourceArgs = z.object({ source: sourceSchema.optional(), sourceReference: z.number().int() });

const source = request(sourceArgs, async (session, { source: asked, sourceReference }, { signal }) => {
  const reference = sourceReference > 0 ? sourceReference : (asked?.sourceReference ?? 0);
  const { file, hash } = session.paths.held(reference);
  const which = hash === undefined ? { file } : { source: hash };
  const parts: string[] = [];
  for (let fromLine = 1; ; fromLine += PART_LINES) {
    const args = { target: session.target, ...definedOf(which), fromLine, lines: PART_LINES };
    const { text, totalLines } = await session.run('source.get', args, { signal });
    parts.push(text);
    if (fromLine + PART_LINES > totalLines) break;
  }
  return { content: parts.join('\n'), mimeType: 'text/javascript' };
});

function definedOf<T extends object>(args: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(args).filter(([, value]) => value !== undefined)) as never;
}

const loadedSources = request(z.object({}), async (session, _args, { signal }) => {
  const files = await loadedFiles(session, signal);
  return { sources: files.map((file) => session.paths.toSource(file, undefined)) };
});

const modulesArgs = z.object({
  startModule: z.number().int().min(0).optional(),
  moduleCount: z.number().int().min(0).optional(),
});

const modules = request(modulesArgs, async (session, { startModule = 0, moduleCount = 0 }, { signal }) => {
  const files = await loadedFiles(session, signal);
  const page = files.slice(startModule, moduleCount === 0 ? undefined : startModule + moduleCount);
  const shown = page.map((file) => {
    const { path } = session.paths.toSource(file, undefined);
    return {
      id: formatSourceFile(file),
      name: file.path.slice(file.path.lastIndexOf('/') + 1),
      isUserCode: file.package === undefined,
      ...(path === undefined ? {} : { path }),
      ...versionOf(file),
    };
  });
  return { modules: shown, totalModules: files.length };
});

function versionOf({ package: label }: SourceFile): { version?: string } {
  const at = label?.lastIndexOf('@') ?? -1;
  return label === undefined || at < 1 ? {} : { version: label.slice(at + 1) };
}

async function loadedFiles(session: DapSession, signal: AbortSignal): Promise<readonly SourceFile[]> {
  const { files } = await session.run('source.list', { target: session.target, limit: MAX_LISTED }, { signal });
  return files;
}

export const sourceRequests: RequestTable = { source, loadedSources, modules };
