/** A message of the Debug Adapter Protocol, of a debug client as of a debug adapter: what all have, whatever it is about. */

import { z } from 'zod';

const name = z.string().max(200);

export const dapMessageSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('request'), seq: z.number().int(), command: name, arguments: z.unknown().optional() }),
  z.object({
    type: z.literal('response'),
    request_seq: z.number().int(),
    success: z.boolean(),
    message: z.string().optional(),
    body: z.unknown().optional(),
  }),
  z.object({ type: z.literal('event'), event: name, body: z.unknown().optional() }),
]);

type DapMessage = z.output<typeof dapMessageSchema>;
export type DapRequestMessage = Extract<DapMessage, { type: 'request' }>;
export type DapEventMessage = Extract<DapMessage, { type: 'event' }>;
