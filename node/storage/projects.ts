/**
 * Which sandbox each project of this machine is bound to, in one JSON file of the home. One project has one sandbox at
 * a time; several folders (clones, worktrees) may hold the project. The daemon is the only writer.
 */

import { z } from 'zod';
import { SandboxError } from '#shared/errors.ts';
import type { SandboxId } from '#shared/ids.ts';
import { sandboxIdSchema } from '#shared/model/schemas.ts';
import { readJsonFile, writeFileAtomic } from './atomic-file.ts';

const SCHEMA_VERSION = 1;
const MAX_ROOTS = 32;

const bindingSchema = z.object({
  project: z.string().min(1),
  originId: z.string().optional(),
  /** Ids by which the same folder is known again when its own id changes. */
  formerIds: z.array(z.string()),
  sandbox: sandboxIdSchema,
  /** Folders of this machine that hold the project, last bound first. */
  roots: z.array(z.string()),
  boundAt: z.number().int(),
});
export type ProjectBinding = z.infer<typeof bindingSchema>;

const fileSchema = z.object({ version: z.literal(SCHEMA_VERSION), bindings: z.array(bindingSchema) });

/** What of a project tells whether it is bound (see node/engine/source/project.ts). */
export interface ProjectKey {
  readonly id: string;
  readonly root: string;
  readonly originId?: string;
  readonly formerIds?: readonly string[];
}

export class Projects {
  readonly #file: string;

  /** @param file read on every call, so a hand edit counts at once; made by the first `bind` */
  constructor(file: string) {
    this.#file = file;
  }

  /**
   * Binds a project to a sandbox; an earlier binding of the project is replaced, its folders are kept.
   *
   * @param root real path of the folder that is bound
   * @param also the project's other ids; pass the project itself
   * @throws {SandboxError} HOME_UNWRITABLE, STORAGE_CORRUPT, VERSION_UNSUPPORTED
   */
  bind(project: string, sandbox: SandboxId, root: string, also: Pick<ProjectKey, 'originId' | 'formerIds'> = {}): void {
    const bindings = this.list();
    const earlier = bindings.find((binding) => binding.project === project);
    const originId = also.originId ?? earlier?.originId;
    const binding: ProjectBinding = {
      project,
      sandbox,
      roots: [...new Set([root, ...(earlier?.roots ?? [])])].slice(0, MAX_ROOTS),
      boundAt: Date.now(),
      formerIds: [...(also.formerIds ?? earlier?.formerIds ?? [])],
      ...(originId === undefined ? {} : { originId }),
    };
    // A folder belongs to one project: it may have changed its identity, or hold another project now.
    const others = bindings
      .filter((other) => other.project !== project)
      .map((other) => ({ ...other, roots: other.roots.filter((path) => path !== root) }))
      .filter((other) => other.roots.length > 0);
    this.#write([...others, binding]);
  }

  /**
   * The sandbox of this project: by id, else by origin, else because this folder was bound under another id and an
   * id of old still ties the two together.
   *
   * @throws {SandboxError} STORAGE_CORRUPT, VERSION_UNSUPPORTED
   */
  sandboxOf(project: ProjectKey): SandboxId | undefined {
    const bindings = this.list();
    const byId = bindings.find((binding) => binding.project === project.id);
    const byOrigin = bindings.find((binding) => isDefinedAndEqual(binding.originId, project.originId));
    const ids = new Set([project.id, ...(project.formerIds ?? [])]);
    const byFolder = bindings.find(
      (binding) =>
        binding.roots.includes(project.root) && [binding.project, ...binding.formerIds].some((id) => ids.has(id)),
    );
    return (byId ?? byOrigin ?? byFolder)?.sandbox;
  }

  /**
   * @param project a project's id, or a sandbox's to free all its projects
   * @returns whether anything was bound
   */
  unbind(project: string): boolean {
    const bindings = this.list();
    const kept = bindings.filter((binding) => binding.project !== project && binding.sandbox !== project);
    if (kept.length === bindings.length) return false;
    this.#write(kept);
    return true;
  }

  /** @throws {SandboxError} STORAGE_CORRUPT, VERSION_UNSUPPORTED */
  list(): ProjectBinding[] {
    const json = readJsonFile(this.#file);
    if (json === undefined) return [];
    const version = z.object({ version: z.number() }).safeParse(json).data?.version ?? 0;
    if (version > SCHEMA_VERSION) {
      throw new SandboxError('VERSION_UNSUPPORTED', `Cannot read "${this.#file}": its version is ${version}`, {
        hint: 'A newer sandmesh wrote it; update this one.',
      });
    }
    const parsed = fileSchema.safeParse(json);
    if (!parsed.success) {
      throw new SandboxError('STORAGE_CORRUPT', `Cannot read "${this.#file}": ${z.prettifyError(parsed.error)}`, {
        hint: 'Move it away; projects are bound again by the next `sandmesh run` or `sandmesh join`.',
      });
    }
    return parsed.data.bindings;
  }

  #write(bindings: readonly ProjectBinding[]): void {
    writeFileAtomic(this.#file, `${JSON.stringify({ version: SCHEMA_VERSION, bindings }, undefined, 2)}\n`);
  }
}

function isDefinedAndEqual(a: string | undefined, b: string | undefined): boolean {
  return a !== undefined && a === b;
}
