/**
 * Commands behind the port that a DevTools client connects to. `cdp.open` gives it a virtual session at the target's
 * host; its calls travel as the command of the right they need, so that the pipeline judges each like any other.
 */

import { z } from 'zod';
import { breakpointWhereSchema } from '#shared/model/breakpoint.ts';
import { breakpointIdSchema, targetIdSchema } from '#shared/model/schemas.ts';
import { defineCommand } from './command.ts';

export const cdpSessionSchema = z.string().regex(/^c[0-9a-f]{16}$/, 'not a DevTools session id');

const MAX_METHOD_LENGTH = 100;
const plainObject = z.record(z.string(), z.unknown());

const call = z.object({
  target: targetIdSchema,
  session: cdpSessionSchema,
  /** `Domain.method`; what is on no list is refused. */
  method: z.string().max(MAX_METHOD_LENGTH),
  params: plainObject,
});
const answer = z.object({ result: plainObject });

export const cdpEventSchema = z.object({ method: z.string().max(MAX_METHOD_LENGTH), params: plainObject });
export type CdpEventMessage = z.infer<typeof cdpEventSchema>;

/** The cast by which a host's daemon tells the one that opened a session what happened; `ended` is the last one. */
export const CDP_EVENTS = 'cdp.events';
export const cdpEventsSchema = z.object({
  session: cdpSessionSchema,
  events: z.array(cdpEventSchema).max(10_000),
  ended: z.string().max(300).optional(),
});
export type CdpEvents = z.infer<typeof cdpEventsSchema>;

export const cdpCommands = {
  'cdp.listen': defineCommand('cdp.listen', {
    summary: 'Open a loopback port for one DevTools client of a target; it closes with its client',
    args: () => z.object({ target: targetIdSchema.optional() }),
    result: () =>
      z.object({
        target: targetIdSchema,
        port: z.number().int(),
        webSocketDebuggerUrl: z.string(),
        devtoolsFrontendUrl: z.string(),
        /** It closes by itself when nobody has connected by then. */
        waitsMs: z.number().int(),
      }),
    right: 'local',
    effect: 'write',
  }),
  'cdp.open': defineCommand('cdp.open', {
    summary: 'Open a virtual DevTools session on a target',
    args: () => z.object({ target: targetIdSchema }),
    result: () => z.object({ session: cdpSessionSchema, title: z.string(), url: z.string() }),
    right: 'view',
    at: 'host',
    effect: 'write',
    audited: false,
  }),
  'cdp.close': defineCommand('cdp.close', {
    summary: 'Close a virtual DevTools session; the target stays as it is',
    args: () => z.object({ target: targetIdSchema, session: cdpSessionSchema }),
    result: () => z.object({ closed: cdpSessionSchema }),
    right: 'view',
    at: 'host',
    effect: 'write',
    audited: false,
  }),
  'cdp.look': defineCommand('cdp.look', {
    summary: 'Make a DevTools call that only looks',
    args: () => call,
    result: () => answer,
    right: 'view',
    at: 'host',
    effect: 'read',
    timeoutMs: 60_000,
  }),
  'cdp.locate': defineCommand('cdp.locate', {
    summary: 'Find which breakpoint a DevTools call means, or where one stands',
    args: () => call.extend({ breakpoint: breakpointIdSchema.optional() }),
    result: () =>
      z.object({
        /** Absent for a breakpoint that was named. */
        where: breakpointWhereSchema.optional(),
        /** As this session counts: generated positions, from 0. */
        locations: z.array(
          z.object({ scriptId: z.string(), lineNumber: z.number().int(), columnNumber: z.number().int() }),
        ),
      }),
    right: 'view',
    at: 'host',
    effect: 'read',
  }),
  'cdp.evaluate': defineCommand('cdp.evaluate', {
    summary: 'Make a DevTools call that runs code in the target',
    args: () => call,
    result: () => answer,
    right: 'evaluate',
    at: 'host',
    effect: 'write',
    timeoutMs: 60_000,
  }),
  'cdp.set': defineCommand('cdp.set', {
    summary: 'Make a DevTools call that changes a variable',
    args: () => call,
    result: () => answer,
    right: 'state-write',
    at: 'host',
    effect: 'write',
    timeoutMs: 60_000,
  }),
};
