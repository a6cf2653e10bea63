/** The inspection tool in one process. */

import { SandboxError } from '#shared/errors.ts';
import type { CdpSession } from '../../../targets/attached-process.ts';
import { TOOL_SOURCE } from './source.ts';

/** V8's own form, `isolate.context.number`; ids of a debug adapter's values have none. */
const V8_OBJECT = /^-?\d+\.(\d+)\.\d+$/;
/** The key of the context that V8 takes unless it is told one. */
const DEFAULT = 0;

/** The context that V8 handed a value out in; undefined where the id does not say. */
export function contextOf(objectId: string): number | undefined {
  const context = V8_OBJECT.exec(objectId)?.[1];
  return context === undefined ? undefined : Number(context);
}

export class InstalledTool {
  readonly #cdp: CdpSession;
  readonly #installed = new Map<number, Promise<string>>();

  constructor(cdp: CdpSession) {
    this.#cdp = cdp;
  }

  /** @returns functions that end it */
  follow(): (() => void)[] {
    return [
      this.#cdp.on('Runtime.executionContextDestroyed', ({ executionContextId }) => {
        this.#installed.delete(executionContextId);
      }),
    ];
  }

  /**
   * Installed once, as early as possible: it closes over what the program may change later. V8 lets no call mix values
   * of several contexts, so what lies in another one than the program's own (`vm`; jest runs each test file in one) is
   * read by a tool of that one, installed when somebody first looks there.
   *
   * @param beside an object id: the tool that can read it
   * @returns its object id
   * @throws {SandboxError} EVALUATION_FAILED; the next call tries again
   */
  async id(beside?: string): Promise<string> {
    const own = await this.#of(DEFAULT);
    const context = beside === undefined ? undefined : contextOf(beside);
    return context === undefined || context === contextOf(own) ? own : this.#of(context);
  }

  /** One for each of these contexts, the program's own first; those that are gone by now have none. */
  async ids(contexts: readonly number[]): Promise<string[]> {
    const own = await this.#of(DEFAULT);
    const others = contexts.filter((context) => context !== contextOf(own)).map((context) => this.#of(context));
    const settled = await Promise.allSettled(others);
    return [own, ...settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))];
  }

  #of(context: number): Promise<string> {
    const known = this.#installed.get(context);
    if (known !== undefined) return known;
    const installed = this.#install(context).catch((error: unknown) => {
      this.#installed.delete(context);
      throw error;
    });
    this.#installed.set(context, installed);
    return installed;
  }

  async #install(context: number): Promise<string> {
    const { result } = await this.#cdp.send('Runtime.evaluate', {
      expression: TOOL_SOURCE,
      // Gives `require` where `process.getBuiltinModule` is missing.
      includeCommandLineAPI: true,
      objectGroup: 'sandmesh-tool',
      silent: true,
      ...(context === DEFAULT ? {} : { contextId: context }),
    });
    if (result.objectId !== undefined) return result.objectId;
    throw new SandboxError(
      'EVALUATION_FAILED',
      `Cannot prepare the target for inspection: ${result.description ?? ''}`,
    );
  }
}
