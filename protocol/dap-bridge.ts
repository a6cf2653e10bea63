/**
 * What `sandmesh dap` and the daemon say to each other on the DAP socket beside what is the editor's: nothing of it
 * reaches an editor.
 */

import { z } from 'zod';

/** First message to the daemon: where the client stands. */
export const CLIENT_EVENT = 'sandmesh.client';

export const dapClientSchema = z.object({
  folder: z.string().max(4096).optional(),
  sandbox: z.string().max(200).optional(),
  map: z.array(z.string().max(8192)).max(64).default([]),
  env: z.record(z.string(), z.string()).default({}),
  /** It repeats answers itself, and takes the two events below and a field `known` of responses for that. */
  repeats: z.boolean().default(false),
});

/** Requests that change nothing and whose answers may be repeated, while the daemon says so. */
export const REPEATABLE_REQUESTS: ReadonlySet<string> = new Set(['threads', 'stackTrace', 'scopes', 'variables']);

/** From the daemon: what it would answer to a request that may come. */
export const KNOWN_EVENT = 'sandmesh.known';

export interface KnownAnswer {
  readonly command: string;
  readonly arguments: object;
  readonly body: object;
}

/** From the daemon: whatever was known may be out of date. */
export const FORGET_EVENT = 'sandmesh.forget';
