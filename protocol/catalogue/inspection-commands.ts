/** Commands that editors ask while a program stands: what a path names, what could be typed, where one could step. */

import { z } from 'zod';
import { variableSchema } from '#shared/model/pause.ts';
import { targetIdSchema } from '#shared/model/schemas.ts';
import { sourceFileSchema } from '#shared/model/source-file.ts';
import { defineCommand } from './command.ts';

const target = targetIdSchema.optional();
const frame = z.number().int().min(0).max(10_000).optional();
const lineNumber = z.number().int().min(1).max(10_000_000);

/** Lines asked about at once. */
export const MAX_BREAKABLE_LINES = 100;

export const inspectionCommands = {
  'inspect.lookup': defineCommand('inspect.lookup', {
    summary: 'Look up what a plain path such as cart.items[0].price names in a frame; runs no code',
    args: () => z.object({ target, frame, path: z.string().max(20_000) }),
    /** null: it is no plain path, names nothing, or leads through a getter or a proxy. */
    result: () => z.object({ result: variableSchema.nullable() }),
    right: 'view',
    at: 'host',
    effect: 'read',
  }),
  'inspect.completions': defineCommand('inspect.completions', {
    summary: 'List the names that could continue an expression; runs no code',
    args: () =>
      z.object({
        target,
        frame,
        /** What stands before the caret. */
        text: z.string().max(20_000),
      }),
    result: () =>
      z.object({
        names: z.array(z.object({ name: z.string(), type: z.string() })),
        /** Characters at the end of `text` that a name takes the place of. */
        replaced: z.number().int().nonnegative(),
      }),
    right: 'view',
    at: 'host',
    effect: 'read',
  }),
  'inspect.copy': defineCommand('inspect.copy', {
    summary: 'Write a value out as text, several levels deep, within bounds',
    args: () => z.object({ target, handle: z.string().max(64) }),
    result: () => z.object({ text: z.string() }),
    right: 'view',
    at: 'host',
    effect: 'read',
  }),
  'inspect.exception': defineCommand('inspect.exception', {
    summary: 'Describe the exception that a target stands at',
    args: () => z.object({ target }),
    result: () =>
      z.object({
        exception: z.object({
          /** Class of an error, or the type of what was thrown. */
          type: z.string(),
          message: z.string(),
          stack: z.string().optional(),
          uncaught: z.boolean(),
        }),
      }),
    right: 'view',
    at: 'host',
    effect: 'read',
  }),
  'inspect.calls': defineCommand('inspect.calls', {
    summary: 'List the calls of the current line that a step into may choose from',
    args: () => z.object({ target }),
    result: () =>
      z.object({
        calls: z.array(z.object({ label: z.string(), line: z.number().int(), column: z.number().int() })),
      }),
    right: 'view',
    at: 'host',
    effect: 'read',
  }),
  'execution.restart': defineCommand('execution.restart', {
    summary: 'Run a frame of a paused target again from its start; what it did stays done',
    args: () => z.object({ target, frame: z.number().int().min(0).max(10_000) }),
    result: () => z.object({ restarted: z.literal(true) }),
    right: 'control',
    at: 'host',
    effect: 'write',
  }),
  'source.breakable': defineCommand('source.breakable', {
    summary: 'List the places of some lines of a loaded file where a target can stop',
    args: () => z.object({ target, file: sourceFileSchema, fromLine: lineNumber, toLine: lineNumber }),
    result: () => z.object({ places: z.array(z.object({ line: z.number().int(), column: z.number().int() })) }),
    right: 'view',
    at: 'host',
    effect: 'read',
  }),
};
