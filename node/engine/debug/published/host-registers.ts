/**
 * The registers in which a host says what is: names and shapes. What another member wrote counts only when it parses and
 * speaks of a target of its own.
 */

import type { z } from 'zod';
import { type BreakpointId, hostOfTarget, isTargetId, type MemberId, type TargetId } from '#shared/ids.ts';
import { type BreakpointStatus, breakpointStatusSchema } from '#shared/model/breakpoint.ts';
import { type Lease, leaseSchema, type Pause, pauseSchema } from '#shared/model/pause.ts';
import { type Target, targetSchema } from '#shared/model/target.ts';

export const MAIN_THREAD = 'main';
/** Ended targets kept in the registers, so that a late joiner still sees how the last ones ended. */
const KEPT_ENDED_TARGETS = 10;
const TARGET_PREFIX = 'target/';

export const registerKeys = {
  target: (target: TargetId): string => `${TARGET_PREFIX}${target}`,
  pause: (target: TargetId): string => `pause/${target}/${MAIN_THREAD}`,
  armed: (target: TargetId, breakpoint: BreakpointId): string => `armed/${target}/${breakpoint}`,
  lease: (target: TargetId): string => `lease/${target}`,
};

/** What a register's key says it is about. */
export type RegisterSubject =
  | { readonly kind: 'target' | 'pause' | 'lease'; readonly target: TargetId }
  | { readonly kind: 'armed'; readonly target: TargetId; readonly breakpoint: BreakpointId };

type Registers = ReadonlyMap<string, unknown>;

/** @returns undefined for keys of other rooms, and for targets that are not this host's */
export function parseRegisterKey(host: MemberId, key: string): RegisterSubject | undefined {
  const [kind, target = '', rest] = key.split('/');
  if (!isTargetId(target) || hostOfTarget(target) !== host) return undefined;
  if (kind === 'target' || kind === 'pause' || kind === 'lease') return { kind, target };
  if (kind !== 'armed' || rest === undefined) return undefined;
  return { kind, target, breakpoint: rest as BreakpointId };
}

export function readTarget(registers: Registers, host: MemberId, target: TargetId): Target | undefined {
  const value = parse(targetSchema, registers.get(registerKeys.target(target)));
  return value?.id === target && value.host === host ? value : undefined;
}

export function readPause(registers: Registers, target: TargetId): Pause | undefined {
  const value = parse(pauseSchema, registers.get(registerKeys.pause(target)));
  return value?.target === target ? value : undefined;
}

export function readLease(registers: Registers, target: TargetId): Lease | undefined {
  const value = parse(leaseSchema, registers.get(registerKeys.lease(target)));
  return value?.target === target ? value : undefined;
}

export function readStatus(
  registers: Registers,
  target: TargetId,
  breakpoint: BreakpointId,
): BreakpointStatus | undefined {
  const value = parse(breakpointStatusSchema, registers.get(registerKeys.armed(target, breakpoint)));
  return value?.target === target && value.breakpoint === breakpoint ? value : undefined;
}

/** Every target a host tells of. */
export function targetsOf(registers: Registers, host: MemberId): Target[] {
  const targets: Target[] = [];
  for (const [key, value] of registers) {
    // Most keys are of armed breakpoints.
    if (!key.startsWith(TARGET_PREFIX)) continue;
    const target = parse(targetSchema, value);
    if (target?.host !== host || hostOfTarget(target.id) !== host) continue;
    if (key === registerKeys.target(target.id)) targets.push(target);
  }
  return targets;
}

/** What a daemon that starts has to correct in its own registers: nobody is attached to the targets of its former run. */
export function correctRegisters(registers: Registers, self: MemberId): [string, unknown][] {
  const writes: [string, unknown][] = [];
  const ended = targetsOf(registers, self).sort((a, b) => b.startedAt - a.startedAt);
  for (const [index, target] of ended.entries()) {
    const key = registerKeys.target(target.id);
    if (index >= KEPT_ENDED_TARGETS) writes.push([key, null]);
    else if (target.state !== 'exited' && target.state !== 'detached') {
      writes.push([key, { ...target, state: 'detached', held: false }]);
    }
  }
  for (const [key, value] of registers) {
    const subject = parseRegisterKey(self, key);
    if (subject !== undefined && subject.kind !== 'target' && value !== null) writes.push([key, null]);
  }
  return writes;
}

/**
 * What a register's value was found to be, by the value: a write replaces it, nothing changes it. A command looks at
 * every target, and a program that stands waits for the commands that move it: zod takes 0.1 ms for each.
 */
const readings = new WeakMap<object, unknown>();

/** Each kind of register has one schema, so the value alone tells which reading is meant. */
function parse<S extends z.ZodType>(schema: S, value: unknown): z.output<S> | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (readings.has(value)) return readings.get(value) as z.output<S> | undefined;
  const parsed = schema.safeParse(value);
  const reading = parsed.success ? parsed.data : undefined;
  readings.set(value, reading);
  return reading;
}
