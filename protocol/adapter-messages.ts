/**
 * How a debug adapter's messages travel between whoever started it (`sandmesh run --adapter`) and the daemon, on the
 * socket for targets: `control` frames carry these, a `sync` frame carries one message of the Debug Adapter Protocol as JSON.
 */

import { z } from 'zod';

const text = z.string().max(4096);

/** First message of the connection. The daemon answers `welcome` or `refuse`; nothing else may be sent before. */
export const adapterHelloSchema = z.object({
  type: z.literal('adapter'),
  protocol: z.literal(1),
  /** Proof that the daemon prepared it: the ticket among the environment of `target.launch`. */
  launch: z.string().max(16_384),
  /** Of the adapter; undefined: somebody else started it. */
  pid: z.number().int().positive().optional(),
});
export type AdapterHello = z.infer<typeof adapterHelloSchema>;

export const fromAdapterSideSchema = z.discriminatedUnion('type', [
  adapterHelloSchema,
  /** The adapter had the program started in our terminal; its process, or one that starts it. */
  z.object({ type: z.literal('started'), pid: z.number().int().positive() }),
]);
export type FromAdapterSide = z.infer<typeof fromAdapterSideSchema>;

export const toAdapterSideSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('welcome') }),
  z.object({ type: z.literal('refuse'), message: text }),
  /** The adapter said how the program ended. */
  z.object({ type: z.literal('exited'), code: z.number().int() }),
  /** The adapter refused to begin: there will be no program. */
  z.object({ type: z.literal('failed'), message: text }),
]);
export type ToAdapterSide = z.infer<typeof toAdapterSideSchema>;

/** How to start an adapter, and where its messages are to be carried. */
export const preparedAdapterSchema = z.object({
  name: z.string(),
  /** The first that is installed; `{port}` is where it is to connect to. */
  commands: z.array(z.array(z.string())),
  /** host:port at which it listens already. */
  address: z.string().optional(),
  /** Disconnected, it ends the program whatever it is told: when the daemon is gone it is to be kept. */
  endsWhenLeft: z.boolean().optional(),
  socketPath: z.string(),
  ticket: z.string(),
});

/** Variable of the environment with a {@link LaunchedAdapter} as JSON, for whom an editor's terminal starts. */
export const LAUNCHED_ADAPTER_VARIABLE = 'SANDMESH_ADAPTER';

export const launchedAdapterSchema = z.object({
  adapter: preparedAdapterSchema,
  /** Variables of the adapter and the program, and of nobody on the way there. */
  env: z.record(z.string(), z.string()),
});
export type LaunchedAdapter = z.infer<typeof launchedAdapterSchema>;

/** Bytes of one message of an adapter: a page of long values fits. */
export const MAX_ADAPTER_MESSAGE_BYTES = 3 * 1024 * 1024;
