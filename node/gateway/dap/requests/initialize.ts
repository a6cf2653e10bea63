/** `initialize`, `configurationDone`: the client says who it is, and that it has set what it wants set. */

import { z } from 'zod';
import { CAPABILITIES } from '../capabilities.ts';
import { DapClient } from '../dap-client.ts';
import { type RequestTable, request } from '../dap-request.ts';

const initializeArgs = z.object({
  clientID: z.string().max(100).optional(),
  clientName: z.string().max(100).optional(),
  linesStartAt1: z.boolean().optional(),
  columnsStartAt1: z.boolean().optional(),
  pathFormat: z.string().max(40).optional(),
  supportsRunInTerminalRequest: z.boolean().optional(),
  supportsProgressReporting: z.boolean().optional(),
  supportsInvalidatedEvent: z.boolean().optional(),
});

const initialize = request(initializeArgs, async (session, args) => {
  session.client = new DapClient({ adapterID: 'sandmesh', ...definedOf(args) });
  return CAPABILITIES;
});

const configurationDone = request(z.object({}), async (session) => {
  session.configure();
  return undefined;
});

export const initializeRequests: RequestTable = { initialize, configurationDone };

/** Optional fields that are absent, rather than there and undefined. */
function definedOf<T extends object>(args: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(args).filter(([, value]) => value !== undefined)) as never;
}
