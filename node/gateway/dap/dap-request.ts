/** How a DAP request is described: what its arguments must be, and which commands of the catalogue it becomes. */

import type { z } from 'zod';
import { badArgument } from '#protocol/messages.ts';
import type { DapSession } from './dap-session.ts';

/** One request under way. */
export interface DapCall {
  readonly seq: number;
  /** Aborts when the client cancels it or is gone. */
  readonly signal: AbortSignal;
}

/** @returns the body of the response */
export type DapRequest = (session: DapSession, args: unknown, call: DapCall) => Promise<object | undefined>;

export type RequestTable = Readonly<Record<string, DapRequest>>;

/** @param args what the request takes; fields that nobody asked for are dropped */
export function request<A extends z.ZodType>(
  args: A,
  run: (session: DapSession, args: z.output<A>, call: DapCall) => Promise<object | undefined>,
): DapRequest {
  return (session, raw, call) => {
    const parsed = args.safeParse(raw ?? {});
    if (!parsed.success) throw badArgument('the arguments of this request', parsed.error);
    return run(session, parsed.data, call);
  };
}
