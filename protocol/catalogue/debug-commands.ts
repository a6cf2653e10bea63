/** Commands that set breakpoints, move the program and read its state. */

import { z } from 'zod';
import {
  breakpointKindSchema,
  breakpointViewSchema,
  breakpointWhereSchema,
  captureSchema,
  exceptionFilterSchema,
  hitConditionSchema,
  logMessageSchema,
} from '#shared/model/breakpoint.ts';
import { frameSchema, pauseSchema, scopeSchema, variableSchema } from '#shared/model/pause.ts';
import { breakpointIdSchema, contentHashSchema, targetIdSchema } from '#shared/model/schemas.ts';
import { sourceFileSchema } from '#shared/model/source-file.ts';
import { defineCommand } from './command.ts';

/** Absent: the only target, or the one that paused last. */
const target = targetIdSchema.optional();
const frame = z.number().int().min(0).max(10_000).optional();

export const STEP_KINDS = ['over', 'into', 'out'] as const;

export const debugCommands = {
  'breakpoint.add': defineCommand('breakpoint.add', {
    summary: 'Set a breakpoint for every target that runs the file',
    args: () =>
      z.object({
        /** `file:line[:column]` as typed, resolved against `folder` first, then against what the targets have loaded. */
        location: z.string().max(1200).optional(),
        function: z.string().min(1).max(256).optional(),
        exception: exceptionFilterSchema.optional(),
        /** For tools that know exactly: what the three above only describe. */
        where: breakpointWhereSchema.optional(),
        condition: z.string().min(1).max(2000).optional(),
        hitCondition: hitConditionSchema.optional(),
        /** What it does; `ours`, or what `log` or `capture` say, unless given. */
        kind: breakpointKindSchema.optional(),
        /** Makes it a logpoint. */
        log: logMessageSchema.optional(),
        /** Makes it a tracepoint of the function at the place. */
        capture: captureSchema.optional(),
        /** Folder the location was typed in. */
        folder: z.string().optional(),
        /** Wait this long for the hosts' answers before replying; 0 replies at once. */
        settleMs: z.number().int().min(0).max(10_000).optional(),
      }),
    result: () => breakpointViewSchema,
    right: 'breakpoint',
    effect: 'write',
  }),
  'breakpoint.remove': defineCommand('breakpoint.remove', {
    summary: 'Remove a breakpoint',
    args: () => z.object({ breakpoint: breakpointIdSchema }),
    result: () => z.object({ removed: breakpointIdSchema }),
    right: 'breakpoint',
    effect: 'write',
  }),
  'breakpoint.enable': defineCommand('breakpoint.enable', {
    summary: 'Switch a breakpoint on or off without removing it',
    args: () => z.object({ breakpoint: breakpointIdSchema, enabled: z.boolean() }),
    result: () => breakpointViewSchema,
    right: 'breakpoint',
    effect: 'write',
  }),
  'breakpoint.undo': defineCommand('breakpoint.undo', {
    summary: 'Take your own last breakpoint edit back, or make it again; the edits of others stay',
    args: () => z.object({ redo: z.boolean().optional() }),
    result: () =>
      z.object({
        /** null: there is nothing of yours to take back. */
        undone: z
          .object({
            breakpoint: breakpointIdSchema,
            where: breakpointWhereSchema,
            /** What became of the breakpoint now. */
            change: z.enum(['set', 'removed', 'changed']),
            view: breakpointViewSchema.nullable(),
            /** Edits of yours that somebody has changed since, and that were left alone. */
            passedOver: z.number().int().nonnegative(),
          })
          .nullable(),
      }),
    right: 'breakpoint',
    effect: 'write',
  }),
  'breakpoint.list': defineCommand('breakpoint.list', {
    summary: 'List breakpoints and where each is armed',
    args: () => z.object({}),
    result: () => z.object({ breakpoints: z.array(breakpointViewSchema) }),
    right: 'view',
    effect: 'read',
  }),
  'execution.pause': defineCommand('execution.pause', {
    summary: 'Pause a target at its next statement',
    args: () => z.object({ target }),
    result: () => z.object({ requested: z.literal(true) }),
    right: 'control',
    at: 'host',
    effect: 'write',
  }),
  'execution.resume': defineCommand('execution.resume', {
    summary: 'Let a paused target run on, or take back a pause that is yet to come',
    args: () => z.object({ target }),
    result: () => z.object({ resumed: z.literal(true) }),
    right: 'control',
    at: 'host',
    effect: 'write',
  }),
  'execution.step': defineCommand('execution.step', {
    summary: 'Step over, into or out; takes the driver lease when it is free',
    args: () =>
      z.object({
        target,
        kind: z.enum(STEP_KINDS),
        /** How long to wait for the new stop; 0 replies once the program has set off. */
        waitMs: z.number().int().min(0).max(10_000).optional(),
        /** With `into`: which of `inspect.calls` to step into; the first that comes unless given. */
        call: z.number().int().min(0).max(1000).optional(),
        /** Globs of script paths that this step does not end in: `**\/node_modules/**`. */
        skip: z.array(z.string().max(300)).max(64).optional(),
      }),
    /** `pause` is the new stop; null when the program ran on instead (returned to the event loop, or exited). */
    result: () => z.object({ pause: pauseSchema.nullable() }),
    right: 'control',
    at: 'host',
    effect: 'write',
  }),
  'inspect.stack': defineCommand('inspect.stack', {
    summary: 'Show the frames of a paused target',
    args: () => z.object({ target }),
    result: () => z.object({ pause: pauseSchema.extend({ frames: z.array(frameSchema) }) }),
    right: 'view',
    at: 'host',
    effect: 'read',
  }),
  'inspect.scopes': defineCommand('inspect.scopes', {
    summary: 'List the scopes of a frame with their variables one level deep',
    args: () => z.object({ target, frame }),
    result: () =>
      z.object({
        scopes: z.array(
          scopeSchema.extend({ handle: z.string(), variables: z.array(variableSchema), truncated: z.boolean() }),
        ),
      }),
    right: 'view',
    at: 'host',
    effect: 'read',
  }),
  'inspect.variables': defineCommand('inspect.variables', {
    summary: 'Open a value: its properties or elements, paged',
    args: () =>
      z.object({
        target,
        handle: z.string().max(64),
        /** Only elements, or only what has a name; both unless given. */
        filter: z.enum(['indexed', 'named']).optional(),
        start: z.number().int().nonnegative().optional(),
        count: z.number().int().min(1).max(1000).optional(),
      }),
    result: () => z.object({ variables: z.array(variableSchema), total: z.number().int().nonnegative() }),
    right: 'view',
    at: 'host',
    effect: 'read',
  }),
  'inspect.evaluate': defineCommand('inspect.evaluate', {
    summary: 'Evaluate an expression in a frame, or globally when the target runs',
    args: () =>
      z.object({
        target,
        frame,
        expression: z.string().min(1).max(20_000),
        timeoutMs: z.number().int().min(10).max(10_000).optional(),
        /** Stop it at its first side effect. */
        readOnly: z.boolean().optional(),
        /** Asked again by itself at every look, as a watch is: others are not told to look again for it. */
        repeated: z.boolean().optional(),
      }),
    result: () => z.object({ result: variableSchema, threw: z.boolean() }),
    right: 'evaluate',
    at: 'host',
    effect: 'write',
    timeoutMs: 60_000,
  }),
  'inspect.set': defineCommand('inspect.set', {
    summary: 'Set a variable of a frame to the value of an expression',
    args: () =>
      z.object({
        target,
        frame,
        name: z.string().min(1).max(300),
        /** Handle of the scope or value whose `name` is meant; the innermost scope that has it unless given. */
        within: z.string().max(64).optional(),
        expression: z.string().min(1).max(20_000),
      }),
    result: () => z.object({ result: variableSchema }),
    right: 'state-write',
    at: 'host',
    effect: 'write',
    timeoutMs: 60_000,
  }),
  'source.list': defineCommand('source.list', {
    summary: 'List the scripts a target has loaded',
    args: () =>
      z.object({
        target,
        /** Substring of the path. */
        match: z.string().max(300).optional(),
        limit: z.number().int().min(1).max(5000).optional(),
      }),
    result: () => z.object({ files: z.array(sourceFileSchema), total: z.number().int() }),
    right: 'view',
    at: 'host',
    effect: 'read',
  }),
  'source.get': defineCommand('source.get', {
    summary: 'Read the text of a loaded script',
    args: () =>
      z.object({
        target,
        file: sourceFileSchema.optional(),
        source: contentHashSchema.optional(),
        /** Part of a long text: 1-based first line and number of lines. */
        fromLine: z.number().int().min(1).optional(),
        lines: z.number().int().min(1).max(100_000).optional(),
      }),
    result: () =>
      z.object({
        file: sourceFileSchema,
        text: z.string(),
        source: contentHashSchema,
        totalLines: z.number().int(),
        fromLine: z.number().int(),
      }),
    right: 'view',
    at: 'host',
    effect: 'read',
  }),
};
