/** Zod building blocks used by every model file: the ids as schemas that validate and brand. */

import { z } from 'zod';
import {
  type BreakpointId,
  type ContentHash,
  isMemberId,
  isSandboxId,
  isTargetId,
  type MemberId,
  type SandboxId,
  type TargetId,
} from '../ids.ts';

export const sandboxIdSchema = z.string().refine((s): s is SandboxId => isSandboxId(s), 'not a sandbox id');
export const memberIdSchema = z.number().refine((n): n is MemberId => isMemberId(n), 'not a member number');
export const targetIdSchema = z.string().refine((s): s is TargetId => isTargetId(s), 'not a target id');
export const breakpointIdSchema = z
  .string()
  .regex(/^[1-9][0-9]{0,6}\.[0-9a-z]{4,32}$/, 'not a breakpoint id')
  .transform((s) => s as BreakpointId);
export const contentHashSchema = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'not a SHA-256 in hex')
  .transform((s) => s as ContentHash);

/** Milliseconds since the Unix epoch by the writer's own clock: shown to people, never compared between members. */
export const wallClockSchema = z.number().int().nonnegative();
