/** Where a session works: its sandbox, the folder here, and the folders mapped onto the program's. */

import { z } from 'zod';
import { SandboxError } from '#shared/errors.ts';
import { isSandboxId, type SandboxId } from '#shared/ids.ts';
import type { DapSession } from './dap-session.ts';
import { parseMapping } from './source-paths.ts';

/** `{"/app": "."}` or `["/app=."]` */
export const mapSchema = z
  .union([z.record(z.string().max(4096), z.string().max(4096)), z.array(z.string().max(8192)).max(64)])
  .optional();

/** @param sandbox undefined: the one of the folder, or the only one */
export async function bindPlace(
  session: DapSession,
  sandbox: SandboxId | undefined,
  { cwd, map }: { cwd?: string | undefined; map?: z.output<typeof mapSchema> },
): Promise<void> {
  const folder = cwd ?? session.place.folder;
  const listed = Array.isArray(map) ? map : Object.entries(map ?? {}).map(([theirs, ours]) => `${theirs}=${ours}`);
  const mappings = [...listed, ...session.place.map].map((text) => parseMapping(text, folder ?? process.cwd()));
  session.place = { ...session.place, folder };
  session.bindSandbox(await session.services.resolveSandbox(sandbox, folder), mappings);
  await session.members.load();
}

/** @param named by the request; else what the adapter was started with counts */
export async function namedSandbox(session: DapSession, named: string | undefined): Promise<SandboxId | undefined> {
  const text = named ?? session.place.sandbox;
  return text === undefined || isSandboxId(text) ? text : sandboxNamed(session, text);
}

/** By name or the start of its id. @throws {SandboxError} SANDBOX_UNKNOWN */
async function sandboxNamed(session: DapSession, text: string): Promise<SandboxId> {
  const { sandboxes } = await session.run('sandbox.list', {});
  const exact = sandboxes.filter(({ name }) => name === text);
  const matches = exact.length > 0 ? exact : sandboxes.filter(({ id }) => id.startsWith(text));
  const [only, ...more] = matches;
  if (only !== undefined && more.length === 0) return only.id;
  const known = sandboxes.map(({ name, id }) => `${name} (${id.slice(0, 8)})`).join(', ');
  const why = more.length > 0 ? `it fits ${matches.length} sandboxes` : 'there is no such sandbox';
  throw new SandboxError('SANDBOX_UNKNOWN', `Cannot use the sandbox "${text}": ${why}`, {
    hint: known === '' ? 'This daemon is in no sandbox yet.' : `Known: ${known}.`,
  });
}
