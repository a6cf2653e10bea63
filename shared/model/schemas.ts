/** Zod building blocks used by every model file: the ids as schemas that validate and brand. */

import { z } from 'zod';
import {
  BREAKPOINT_ID,
  type BreakpointId,
  CONTENT_HASH,
  type ContentHash,
  MAX_MEMBER_ID,
  type MemberId,
  SANDBOX_ID,
  type SandboxId,
  SNAPSHOT_ID,
  type SnapshotId,
  TARGET_ID,
  type TargetId,
} from '../ids.ts';

// Pattern first, so that a JSON schema made of it says what is allowed; the brand last.
export const sandboxIdSchema = z
  .string()
  .regex(SANDBOX_ID, 'not a sandbox id')
  .refine((_s): _s is SandboxId => true);
export const memberIdSchema = z
  .number('not a member number')
  .int('not a member number')
  .min(1, 'not a member number')
  .max(MAX_MEMBER_ID, 'not a member number')
  .refine((_n): _n is MemberId => true);
export const targetIdSchema = z
  .string()
  .regex(TARGET_ID, 'not a target id')
  .refine((_s): _s is TargetId => true);
export const breakpointIdSchema = z
  .string()
  .regex(BREAKPOINT_ID, 'not a breakpoint id')
  .refine((_s): _s is BreakpointId => true);
export const snapshotIdSchema = z
  .string()
  .regex(SNAPSHOT_ID, 'not a snapshot id')
  .refine((_s): _s is SnapshotId => true);
export const contentHashSchema = z
  .string()
  .regex(CONTENT_HASH, 'not a SHA-256 in hex')
  .refine((_s): _s is ContentHash => true);

/** Milliseconds since the Unix epoch by the writer's own clock: shown to people, never compared between members. */
export const wallClockSchema = z.number().int().nonnegative();
