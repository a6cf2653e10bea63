/**
 * What a token for the local API may be used for. A scope narrows what this daemon's own user could do anyway; it
 * never widens a member's rights.
 */

import type { CommandDefinition } from '../catalogue/command.ts';

/**
 * - `read`: look, change nothing
 * - `debug`: breakpoints, pausing, stepping, chat, drafts
 * - `evaluate`: run code in, or change, a process; so breakpoints with conditions, logpoints and tracepoints, too
 * - `admin`: people, tokens, configuration, bringing targets in, the daemon itself
 */
export const SCOPES = ['read', 'debug', 'evaluate', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

const RUNS_CODE: ReadonlySet<string> = new Set(['evaluate', 'patch', 'experiment', 'state-write']);

/** The one scope a command needs. */
export function scopeOf(definition: Pick<CommandDefinition, 'right' | 'effect'>): Scope {
  if (RUNS_CODE.has(definition.right)) return 'evaluate';
  if (definition.effect === 'read') return 'read';
  return definition.right === 'local' || definition.right === 'admin' ? 'admin' : 'debug';
}
