/** A request as a gateway hands it over: still untrusted, but attributed to a connection. */

import type { Scope } from '#protocol/api/scopes.ts';
import type { MemberId, SandboxId } from '#shared/ids.ts';

/** The token that a request of the local API rests on. */
export interface Access {
  readonly tokenId: string;
  readonly scopes: ReadonlySet<Scope>;
  /** When the token or code behind it was shown; seconds since 1970. */
  readonly authenticatedAt: number;
}

/**
 * How the asker was authenticated.
 * - `local`: over a socket or token only this user can use; a token may have fewer scopes than all
 * - `peer`: a member, by the key its noise stream proved
 */
export type Origin =
  | { readonly kind: 'local'; readonly scopes?: ReadonlySet<Scope>; readonly access?: Access }
  | { readonly kind: 'peer'; readonly member: MemberId };

export interface CommandRequest {
  readonly command: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly origin: Origin;
  /** The client connection, for handles, leases and limits. */
  readonly session: string;
  readonly sandbox: SandboxId | undefined;
  readonly folder: string | undefined;
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal;
}
