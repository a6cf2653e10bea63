/**
 * The JSON messages of the harness socket, carried in `control` frames; CDP goes beside them in `sync` frames. The
 * worker imports the types only: zod stays out of other people's processes.
 */

import { z } from 'zod';

const text = z.string().max(4096);

/** First message of every connection. The daemon answers `welcome` or `refuse`; nothing else may be sent before. */
const helloSchema = z.object({
  type: z.literal('hello'),
  protocol: z.literal(1),
  /** Proof that sandmesh started it: see launch.ts. */
  launch: z.string().max(16_384),
  pid: z.number().int().positive(),
  ppid: z.number().int().nonnegative(),
  /** In which its pid counts, where there are several. */
  pidNamespace: text.optional(),
  startedAt: z.number().int().nonnegative(),
  argv: z.array(text).max(64),
  execArgv: z.array(text).max(64),
  cwd: text,
  entry: text.optional(),
  nodeVersion: z.string().max(60),
  nodeEnv: text.optional(),
  /** No line of the program has run and none will before `release`. */
  held: z.boolean(),
});
export type Hello = z.infer<typeof helloSchema>;

export const fromHarnessSchema = z.discriminatedUnion('type', [
  helloSchema,
  /** The hold limit passed and the program was let go without a `release`. */
  z.object({ type: z.literal('released') }),
  /** Console calls left out because they came faster than the limit. */
  z.object({ type: z.literal('dropped'), count: z.number().int().positive() }),
  /** The program is in its `exit` event with this code; the session is gone. */
  z.object({ type: z.literal('bye'), code: z.number().int() }),
]);
export type FromHarness = z.infer<typeof fromHarnessSchema>;

export type ToHarness =
  /** `holdLimitMs` 0: held until `release`, or until this connection is lost. */
  | { readonly type: 'welcome'; readonly holdLimitMs: number }
  /** Not wanted, now or later: let the program go and stay away. */
  | { readonly type: 'refuse' }
  | { readonly type: 'release' }
  /** Take the session off, let the program run on, and stay away. */
  | { readonly type: 'detach' };
