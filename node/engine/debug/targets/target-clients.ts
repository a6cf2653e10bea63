/** Everybody who looks into one target: a virtual session for each client of a member, DevTools among them. */

import type { MemberId } from '#shared/ids.ts';
import type { Target } from '#shared/model/target.ts';
import type { Right } from '#shared/rights.ts';
import { CdpClients, type TellClient } from '../cdp/cdp-clients.ts';
import type { CdpClientSession } from '../cdp/client-session.ts';
import { notJavaScript } from '../cdp/refusal.ts';
import type { Mask } from '../inspection/preview.ts';
import { VirtualSession } from '../inspection/virtual-session.ts';
import type { TargetSession } from './target-session.ts';

export interface TargetClientsParts {
  readonly mask: Mask;
  readonly tellClient: TellClient;
  rightsOf(member: MemberId): ReadonlySet<Right>;
  /** The process under the debugger. @throws {SandboxError} TARGET_GONE */
  session(): TargetSession;
  view(): Target;
}

export class TargetClients {
  readonly devTools: CdpClients;
  readonly #parts: TargetClientsParts;
  readonly #sessions = new Map<string, VirtualSession>();

  constructor(parts: TargetClientsParts) {
    this.#parts = parts;
    this.devTools = new CdpClients(parts.tellClient);
  }

  /**
   * One client's view of the target; lives until {@link close} or the process's end.
   *
   * @throws {SandboxError} TARGET_GONE
   */
  session(member: MemberId, client: string): VirtualSession {
    const key = `${member} ${client}`;
    const known = this.#sessions.get(key);
    if (known !== undefined) return known;
    const { mask, rightsOf } = this.#parts;
    const opened = new VirtualSession({
      member,
      process: this.#parts.session(),
      rights: () => rightsOf(member),
      mask: () => (rightsOf(member).has('evaluate') ? (_, value) => value : mask),
    });
    this.#sessions.set(key, opened);
    return opened;
  }

  /** @throws {SandboxError} TARGET_GONE, LIMIT_EXCEEDED, BAD_ARGUMENT when it is no Node process */
  openDevTools(member: MemberId): CdpClientSession {
    const process = this.#parts.session();
    if (process.adapter !== undefined) throw notJavaScript(this.#parts.view());
    return this.devTools.open(member, process, (client) => this.session(member, client));
  }

  close(client: string): void {
    for (const key of [...this.#sessions.keys()]) if (key.endsWith(` ${client}`)) this.#sessions.delete(key);
  }

  /** The program runs: what was seen of the stop is over. */
  resumed(): void {
    for (const session of this.#sessions.values()) session.forget();
    this.devTools.resumed();
  }

  /** The process is gone. @param why for whoever had DevTools open */
  end(why: string): void {
    this.devTools.closeAll(why);
    this.#sessions.clear();
  }
}
