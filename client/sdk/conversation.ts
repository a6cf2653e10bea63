/**
 * What a client and its daemon say to each other, whatever carries it: frames over the user's Unix socket, or JSON
 * over a WebSocket. A client holds one at a time and opens another when it is lost.
 */

import type { Broadcast, TopicName } from '#protocol/topics.ts';
import { SandboxError } from '#shared/errors.ts';
import type { SandboxId } from '#shared/ids.ts';

/** Which sandbox something is about: by id, by a folder it is bound to, or (neither) the daemon's only one. */
export interface Scope {
  readonly sandbox?: SandboxId | undefined;
  readonly folder?: string | undefined;
}

export interface CallOptions extends Scope {
  readonly timeoutMs: number;
  /** Cancels the call at the daemon too. */
  readonly signal?: AbortSignal | undefined;
}

export interface Conversation {
  /** @throws {SandboxError} the daemon's error, TIMEOUT, or why the conversation ended; `signal.reason` on abort */
  call(command: string, args: object, options: CallOptions): Promise<unknown>;
  /** The whole list of topics for one scope; an empty one ends it. */
  subscribe(scope: Scope, topics: readonly TopicName[]): void;
  /** Rejects open calls with the reason. Safe to call twice; `onLost` does not fire after it. */
  close(reason: SandboxError): void;
}

export interface ConversationEvents {
  onBroadcast(broadcast: Broadcast): void;
  /** The daemon dropped this many events because this client read too slowly. */
  onLagged(dropped: number): void;
  /** The daemon does not let this client listen in that scope: no such sandbox, no right to read. */
  onRefused(scope: Scope, error: SandboxError): void;
  /** The daemon goes away on purpose; `onLost` follows. */
  onBye(reason: string): void;
  /** Fires once, unless closed first. */
  onLost(reason: SandboxError): void;
}

export interface OpenOptions {
  readonly signal?: AbortSignal | undefined;
  /** Shown in the daemon's list of clients. */
  readonly agent: string;
}

/**
 * Opens a conversation.
 *
 * @throws {SandboxError} DAEMON_UNREACHABLE, UNAUTHENTICATED; `signal.reason` on abort
 */
export type Connector = (events: ConversationEvents, options: OpenOptions) => Promise<Conversation>;

/** @param farewell what the daemon said before it ended the conversation */
export function gone(cause: Error | undefined, farewell = ''): SandboxError {
  const text =
    farewell === '' ? 'The daemon went away while this was going on' : `The daemon said goodbye: ${farewell}`;
  return new SandboxError('DAEMON_UNREACHABLE', text, {
    ...(cause === undefined ? {} : { cause }),
    hint: 'Try again; "sandmesh doctor" looks for the reason.',
  });
}
