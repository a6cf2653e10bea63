/** Commands that bring processes in and let them go. */

import { z } from 'zod';
import { hitSchema } from '#shared/model/hit.ts';
import { leaseSchema, pauseSchema } from '#shared/model/pause.ts';
import { targetIdSchema } from '#shared/model/schemas.ts';
import { consoleLineSchema, processCandidateSchema, processMetricsSchema, targetSchema } from '#shared/model/target.ts';
import { preparedAdapterSchema } from '../adapter-messages.ts';
import { defineCommand } from './command.ts';

export const targetCommands = {
  'target.launch': defineCommand('target.launch', {
    summary: 'Prepare to run a command line: gives the environment that makes its Node processes targets',
    args: () =>
      z.object({
        argv: z.array(z.string()).min(1),
        folder: z.string(),
        /** The caller's own NODE_OPTIONS: kept, after ours. */
        nodeOptions: z.string().max(10_000).optional(),
        /** Hold at the first line until this member (or anybody) joined. */
        wait: z.union([z.literal(true), z.string()]).optional(),
        /** Pause at the first statement of the program. */
        stopOnEntry: z.boolean().optional(),
        /** A debug adapter by name: for a program in another language. */
        adapter: z.string().max(100).optional(),
      }),
    result: () =>
      z.object({
        launch: z.string(),
        /** Set these in the program's environment; NODE_OPTIONS is already merged with the caller's `nodeOptions`. */
        env: z.record(z.string(), z.string()),
        adapter: preparedAdapterSchema.optional(),
      }),
    right: 'local',
    effect: 'write',
  }),
  'target.finish': defineCommand('target.finish', {
    summary: 'Tell the daemon that a launched command line has ended',
    args: () =>
      z.object({
        launch: z.string(),
        exitCode: z.number().int().nullable(),
        signal: z.string().nullable(),
      }),
    result: () => z.object({}),
    right: 'local',
    effect: 'write',
  }),
  'target.launched': defineCommand('target.launched', {
    summary: 'Wait for the first process of a launched command line to become a target',
    args: () => z.object({ launch: z.string() }),
    result: () => z.object({ target: targetSchema }),
    right: 'local',
    effect: 'read',
    timeoutMs: 24 * 3600_000,
  }),
  'target.terminate': defineCommand('target.terminate', {
    summary: 'End a program of this machine: asks it by SIGTERM, or by force',
    args: () => z.object({ target: targetIdSchema, force: z.boolean().optional() }),
    result: () => z.object({ terminating: targetIdSchema }),
    right: 'local',
    effect: 'write',
    audited: true,
  }),
  'target.attach': defineCommand('target.attach', {
    summary: 'Attach to a running process by pid, or to an inspector at host:port or unix:/path',
    args: () =>
      z.object({
        where: z.string().max(300),
        /** With unix:/path: whose inspector is at the other end, and whether it was opened for us. */
        tunnel: z.object({ pid: z.number().int().positive(), opened: z.boolean() }).optional(),
      }),
    result: () => targetSchema,
    right: 'local',
    effect: 'write',
    audited: true,
  }),
  'target.candidates': defineCommand('target.candidates', {
    summary: 'List the Node processes of this user that can be attached to',
    args: () => z.object({}),
    result: () => z.object({ processes: z.array(processCandidateSchema) }),
    right: 'local',
    subject: 'daemon',
    effect: 'read',
  }),
  'target.list': defineCommand('target.list', {
    summary: 'List the targets of every member, with where each stands',
    args: () => z.object({}),
    result: () =>
      z.object({
        targets: z.array(
          targetSchema.extend({
            pause: pauseSchema.nullable(),
            lease: leaseSchema.nullable(),
            metrics: processMetricsSchema.nullable(),
          }),
        ),
      }),
    right: 'view',
    effect: 'read',
  }),
  'target.detach': defineCommand('target.detach', {
    summary: 'Let go of a target; the program keeps running',
    args: () => z.object({ target: targetIdSchema.optional() }),
    result: () => z.object({ detached: targetIdSchema }),
    right: 'local',
    effect: 'write',
    audited: true,
  }),
  'output.read': defineCommand('output.read', {
    summary: "Read the kept tail of a target's console",
    args: () =>
      z.object({
        target: targetIdSchema.optional(),
        /** Without a target, and where none lives: of the one that began last. */
        ended: z.boolean().optional(),
        /** Only lines after this sequence. */
        after: z.number().int().nonnegative().optional(),
        limit: z.number().int().min(1).max(2000).optional(),
      }),
    result: () => z.object({ lines: z.array(consoleLineSchema) }),
    right: 'view',
    at: 'host',
    effect: 'read',
  }),
  'hits.read': defineCommand('hits.read', {
    summary: 'Read what logpoints and tracepoints of a target recorded last',
    args: () =>
      z.object({
        target: targetIdSchema.optional(),
        /** Without a target, and where none lives: of the one that began last. */
        ended: z.boolean().optional(),
        /** Only hits after this sequence. */
        after: z.number().int().nonnegative().optional(),
        limit: z.number().int().min(1).max(1000).optional(),
      }),
    result: () => z.object({ hits: z.array(hitSchema) }),
    right: 'view',
    at: 'host',
    effect: 'read',
  }),
};
