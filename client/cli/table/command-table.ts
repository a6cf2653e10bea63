/** Every CLI command, in the order help shows them. */

import type { CommandSpec } from '../command-spec.ts';
import { accessCommands } from './access.ts';
import { debuggingCommands } from './debugging.ts';
import { draftCommands } from './drafts.ts';
import { machineCommands } from './machine.ts';
import { programCommands } from './programs.ts';
import { sharingCommands } from './sharing.ts';
import { snapshotCommands } from './snapshots.ts';
import { tokenCommands } from './tokens.ts';
import { trustCommands } from './trust.ts';

export const commandTable: readonly CommandSpec[] = [
  ...programCommands,
  ...sharingCommands,
  ...debuggingCommands,
  ...draftCommands,
  ...snapshotCommands,
  ...accessCommands,
  ...trustCommands,
  ...machineCommands,
  ...tokenCommands,
];

/** What the two-word commands share in help. */
export const GROUP_SUMMARIES: Readonly<Record<string, string>> = {
  break: 'Set, list and remove breakpoints',
  snapshot: 'Frozen pauses, to be looked into after the program went on',
  key: 'The key that decides about your sandbox',
  config: 'Read and write the configuration',
  draft: 'Edit source files together',
  token: 'Tokens of the local HTTP API',
  policy: 'Say what each level of care allows: development, staging, production',
};
