/**
 * What one client of one member has of one target: its handles and its rights. The daemon holds the only CDP session;
 * every call of every client goes through here and past the allow-list.
 */

import type { MemberId } from '#shared/ids.ts';
import type { Right } from '#shared/rights.ts';
import type { AdapterTraits, CdpMethod, CdpParams, CdpResult, CdpSession } from '../../../targets/attached-process.ts';
import type { PausedAt } from '../stops/pause-builder.ts';
import { allowCall } from './allow-list.ts';
import { HandleTable } from './handles.ts';
import type { Mask } from './preview.ts';

/** What sessions need of the process they look into. */
export interface InspectedProcess {
  readonly cdp: CdpSession;
  readonly pausedAt: PausedAt | undefined;
  /** What debugs it, when it is no Node process. */
  readonly adapter?: AdapterTraits | undefined;
  /** Remote object id of the inspection tool that can read what lies beside this object. */
  tool(beside?: string): Promise<string>;
}

export interface VirtualSessionOptions {
  readonly member: MemberId;
  readonly process: InspectedProcess;
  /** Asked before every call: a right may be gone by the next one. */
  rights(): ReadonlySet<Right>;
  /** Identity for whoever may evaluate: nothing could be hidden from them. */
  mask(): Mask;
}

export class VirtualSession {
  readonly #options: VirtualSessionOptions;
  readonly handles = new HandleTable();

  constructor(options: VirtualSessionOptions) {
    this.#options = options;
  }

  get process(): InspectedProcess {
    return this.#options.process;
  }

  get rights(): ReadonlySet<Right> {
    return this.#options.rights();
  }

  get mask(): Mask {
    return this.#options.mask();
  }

  /**
   * Sends one call on behalf of this client, with V8's own ids.
   *
   * @throws {SandboxError} FORBIDDEN when the allow-list does not let it pass; else what the target says
   */
  async call<M extends CdpMethod>(method: M, params: CdpParams<M>, timeoutMs?: number): Promise<CdpResult<M>> {
    const allowed = allowCall(method, { ...(params as object) }, this.#options.rights());
    const options = timeoutMs === undefined ? {} : { timeoutMs };
    return this.#options.process.cdp.send(method, allowed as CdpParams<M>, options);
  }

  /** The target resumed or is gone. */
  forget(): void {
    this.handles.clear();
  }
}
