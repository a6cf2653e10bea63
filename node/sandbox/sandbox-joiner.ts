/** Joining by a link: for the first time, once more where this device is in already, and anew where it was removed. */

import type { ParsedLink } from '#protocol/link.ts';
import { SandboxError } from '#shared/errors.ts';
import type { SandboxId } from '#shared/ids.ts';
import type { JoinProgress } from '../network/join.ts';
import type { PeerNetwork } from '../network/peer-network.ts';
import { withDeadline } from '../pipeline/deadline.ts';
import type { ConfigStore } from '../storage/config.ts';
import { assertReplaceable, namingOthers, wasRemoved } from './former-membership.ts';
import type { RunningSandbox } from './running-sandbox.ts';
import type { SandboxFolders, StoredSandbox } from './sandbox-folder.ts';
import { Turns } from './turns.ts';

/** After joining, wait this long for the first member's documents, so that the next command sees them. */
const FIRST_SYNC_MS = 5_000;

export interface JoinFromLink {
  readonly link: string;
  readonly folder: string | undefined;
  readonly keepTrying: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (sandbox: SandboxId, progress: JoinProgress) => void;
}

export interface SandboxJoinerParts {
  readonly folders: SandboxFolders;
  readonly network: PeerNetwork;
  readonly config: ConfigStore;
  /** Of this machine's, opened if need be. */
  readonly get: (sandbox: SandboxId) => Promise<RunningSandbox>;
  readonly leave: (sandbox: RunningSandbox) => Promise<void>;
  /** @param known where members are to be found first */
  readonly open: (
    stored: StoredSandbox,
    known: readonly { readonly key: Uint8Array; readonly addresses: readonly string[] }[],
  ) => Promise<RunningSandbox>;
}

export class SandboxJoiner {
  readonly #parts: SandboxJoinerParts;
  readonly #turns = new Turns<SandboxId>();

  constructor(parts: SandboxJoinerParts) {
    this.#parts = parts;
  }

  /** One after the other: who opens a link twice at once finds itself in. @throws {SandboxError} what joining throws */
  async join(link: ParsedLink, request: JoinFromLink): Promise<RunningSandbox> {
    return await this.#turns.take(link.sandbox, async () => {
      request.signal.throwIfAborted();
      const { folders, get } = this.#parts;
      if (!folders.list().includes(link.sandbox)) return await this.#admit(link, request);
      return await this.#joinAgain(await get(link.sandbox), link, request);
    });
  }

  async #joinAgain(here: RunningSandbox, link: ParsedLink, request: JoinFromLink): Promise<RunningSandbox> {
    const { folders, network } = this.#parts;
    if (wasRemoved(here)) {
      assertReplaceable(folders.keys(here.id));
      return await this.#admit(link, request, here);
    }
    network.suggest(here.id, link.peers);
    const others = namingOthers(link, here);
    if (here.reach === 'private' || here.online.size > 0 || others.peers.length === 0) return here;
    try {
      // Who was removed while it was away has not heard: whoever admits knows.
      return await this.#admit(others, { ...request, keepTrying: false }, here);
    } catch (error) {
      const { code } = SandboxError.from(error);
      if (code !== 'PEER_UNREACHABLE' && code !== 'TIMEOUT') throw error;
      return here;
    }
  }

  /** @param here what the link's sandbox is here so far; a membership under another number takes its place */
  async #admit(link: ParsedLink, request: JoinFromLink, here?: RunningSandbox): Promise<RunningSandbox> {
    const { folders, network, config, leave, open } = this.#parts;
    const { signal, keepTrying } = request;
    const result = await network.joinByLink(link, {
      name: config.get('name'),
      signal,
      keepTrying,
      onProgress: (progress) => request.onProgress(link.sandbox, progress),
    });
    if (here !== undefined) {
      if (result.member === here.replica.self) return here;
      assertReplaceable(folders.keys(here.id));
      await leave(here);
    }
    const stored = await folders.adopt(result.control, link, { folder: undefined });
    const known = [{ key: result.admitterKey, addresses: result.addresses }];
    const sandbox = await open(stored, known);
    await this.#firstSync(sandbox, signal);
    return sandbox;
  }

  /**
   * Whoever admitted us has at least described its project: with that the rest of its documents has come, since what is
   * missing travels in one go.
   */
  async #firstSync(sandbox: RunningSandbox, signal: AbortSignal): Promise<void> {
    const { replica } = sandbox;
    if (replica.heads().some(({ member }) => member !== replica.self)) return;
    const expired = (): Error => new SandboxError('TIMEOUT', 'Nobody has sent the documents yet');
    try {
      await withDeadline({ timeoutMs: FIRST_SYNC_MS, signal, expired }, (within) =>
        replica.events.next('change', { test: ({ local }) => !local, signal: within.signal }),
      );
    } catch {
      // Nobody answered yet: the membership stands, the documents come when somebody does.
      signal.throwIfAborted();
    }
  }
}
