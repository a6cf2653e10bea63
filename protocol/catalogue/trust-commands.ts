/** Commands about trust: what was done here, what a level of care makes of each right, whether what is stored is whole. */

import { z } from 'zod';
import { LEVELS, POLICY_RIGHTS, RULE_NAMES, VERDICTS } from '#shared/model/policy.ts';
import { memberIdSchema, sandboxIdSchema, targetIdSchema, wallClockSchema } from '#shared/model/schemas.ts';
import { auditEntrySchema } from '../audit-line.ts';
import { defineCommand } from './command.ts';

const problemSchema = z.object({
  /** Relative to the folder that was checked. */
  file: z.string(),
  /** Line of a text file, byte of any other. */
  at: z.number().int().nonnegative(),
  problem: z.string(),
});

const programName = z.string().min(1).max(80);
/** Where the named program is none of this machine's in the sandbox: those that are. The rule waits for one of that name. */
const programsHere = z.array(programName).optional();

export const effectiveRuleSchema = z.object({
  rule: z.enum(RULE_NAMES),
  verdict: z.enum(VERDICTS),
  /** Whose rule decides. */
  source: z.enum(['program', 'host', 'sandbox', 'default']),
  /** Rights that an action covers. */
  covers: z.array(z.enum(POLICY_RIGHTS)).optional(),
});

export const trustCommands = {
  'audit.list': defineCommand('audit.list', {
    summary: 'Show what was done to processes here and what was refused, oldest first',
    args: () => z.object({ since: wallClockSchema.optional(), limit: z.number().int().min(1).max(10_000).optional() }),
    result: () => z.object({ entries: z.array(auditEntrySchema) }),
    right: 'local',
    subject: 'daemon',
    effect: 'read',
  }),
  'audit.verify': defineCommand('audit.verify', {
    summary: 'Check the audit log of this daemon: every hash, signature and anchored head',
    args: () => z.object({}),
    result: () =>
      z.object({
        folder: z.string(),
        lines: z.number().int(),
        signatures: z.number().int(),
        /** Heads that other members hold, which must be in the log. */
        anchors: z.number().int(),
        problems: z.array(problemSchema),
      }),
    right: 'local',
    subject: 'daemon',
    effect: 'read',
    timeoutMs: 10 * 60_000,
  }),
  'policy.show': defineCommand('policy.show', {
    summary: 'Show what each level makes of each action and right, and which program has which level',
    args: () =>
      z.object({
        /** Also with the rules for this program. */
        program: programName.optional(),
      }),
    result: () =>
      z.object({
        /** The host's own file, which has the last word. */
        file: z.string(),
        program: programName.optional(),
        levels: z.record(z.enum(LEVELS), z.array(effectiveRuleSchema)),
        targets: z.array(z.object({ target: targetIdSchema, program: programName, level: z.enum(LEVELS) })),
      }),
    right: 'local',
    effect: 'read',
  }),
  'policy.set': defineCommand('policy.set', {
    summary: 'Set what a level, or one program, makes of an action or a right',
    args: () =>
      z.object({
        rule: z.enum(RULE_NAMES),
        /** `default` takes the rule back. */
        verdict: z.enum([...VERDICTS, 'default']),
        level: z.enum(LEVELS).optional(),
        program: programName.optional(),
        /** For every host of the sandbox, by its control log; else for this host alone. */
        shared: z.boolean().optional(),
      }),
    result: () =>
      z.object({
        rule: z.enum(RULE_NAMES),
        verdict: z.enum([...VERDICTS, 'default']),
        where: z.string(),
        programsHere,
      }),
    right: 'local',
    effect: 'write',
    audited: true,
  }),
  'policy.level': defineCommand('policy.level', {
    summary: 'Set the level of a program; NODE_ENV can raise it, not lower it',
    args: () => z.object({ program: programName, level: z.enum([...LEVELS, 'default']) }),
    result: () => z.object({ program: programName, level: z.enum([...LEVELS, 'default']), programsHere }),
    right: 'local',
    effect: 'write',
    audited: true,
  }),
  'storage.verify': defineCommand('storage.verify', {
    summary: 'Check what is stored of a sandbox: every record, chain and signature',
    args: () =>
      z.object({
        /** Absent: every sandbox of this home. */
        sandbox: sandboxIdSchema.optional(),
        /** By hashes, with one signature per chain: it vouches for all that its head stands on. */
        quick: z.boolean().optional(),
      }),
    result: () =>
      z.object({
        sandboxes: z.array(
          z.object({
            sandbox: sandboxIdSchema,
            folder: z.string(),
            records: z.number().int(),
            controlEntries: z.number().int(),
            envelopes: z.number().int(),
            chains: z.number().int(),
            signatures: z.number().int(),
            blobs: z.number().int(),
            problems: z.array(problemSchema),
          }),
        ),
      }),
    right: 'local',
    subject: 'daemon',
    effect: 'read',
    timeoutMs: 10 * 60_000,
  }),
  'storage.checkpoint': defineCommand('storage.checkpoint', {
    summary: 'Make a checkpoint of the sandbox now: its log shrinks, joining takes less',
    args: () => z.object({}),
    result: () =>
      z.object({
        /** Content hash; absent as long as there is none. */
        blob: z.string().optional(),
        /** Whether it was made by this call: nothing may have come after the last one. */
        made: z.boolean(),
        envelopes: z.number().int(),
        bytes: z.number().int(),
        /** Of the log that is left: control entries and what came after. */
        logBytes: z.number().int(),
        /** Members whose daemons compared it with what they have. */
        same: z.array(memberIdSchema),
        differs: z.array(memberIdSchema),
        /** Whose chains forked: as long as there are any, no other checkpoint is made. */
        forked: z.array(memberIdSchema),
      }),
    right: 'local',
    effect: 'write',
    timeoutMs: 10 * 60_000,
  }),
  'storage.export': defineCommand('storage.export', {
    summary: 'Write all that is stored of the sandbox to one file',
    args: () =>
      z.object({
        /** Absolute; must not exist. */
        file: z.string().min(1).max(4096),
        /** With the control and recovery keys that lie here. */
        keys: z.boolean().optional(),
      }),
    /** `keys`: whether there are any in it. */
    result: () => z.object({ file: z.string(), sandbox: sandboxIdSchema, bytes: z.number().int(), keys: z.boolean() }),
    right: 'local',
    effect: 'write',
    audited: true,
    timeoutMs: 10 * 60_000,
  }),
  'storage.import': defineCommand('storage.import', {
    summary: 'Bring a sandbox back from such a file',
    args: () => z.object({ file: z.string().min(1).max(4096), folder: z.string().optional() }),
    result: () => z.object({ sandbox: sandboxIdSchema, name: z.string(), keys: z.boolean() }),
    right: 'local',
    subject: 'daemon',
    effect: 'write',
    audited: true,
    timeoutMs: 10 * 60_000,
  }),
};
