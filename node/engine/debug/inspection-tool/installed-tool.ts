/** The inspection tool in one process. */

import { SandboxError } from '#shared/errors.ts';
import type { CdpSession } from '../../../targets/attached-process.ts';
import { TOOL_SOURCE } from './source.ts';

export class InstalledTool {
  readonly #cdp: CdpSession;
  #installed: Promise<string> | undefined;

  constructor(cdp: CdpSession) {
    this.#cdp = cdp;
  }

  /**
   * Installed once, as early as possible: it closes over what the program may change later.
   *
   * @returns its object id
   * @throws {SandboxError} EVALUATION_FAILED; the next call tries again
   */
  id(): Promise<string> {
    this.#installed ??= this.#install().catch((error: unknown) => {
      this.#installed = undefined;
      throw error;
    });
    return this.#installed;
  }

  async #install(): Promise<string> {
    const { result } = await this.#cdp.send('Runtime.evaluate', {
      expression: TOOL_SOURCE,
      // Gives `require` where `process.getBuiltinModule` is missing.
      includeCommandLineAPI: true,
      objectGroup: 'sandmesh-tool',
      silent: true,
    });
    if (result.objectId !== undefined) return result.objectId;
    throw new SandboxError(
      'EVALUATION_FAILED',
      `Cannot prepare the target for inspection: ${result.description ?? ''}`,
    );
  }
}
