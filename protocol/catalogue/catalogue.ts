/** The whole catalogue, and the types and look-ups derived from it. */

import type { z } from 'zod';
import { accessCommands } from './access-commands.ts';
import { cdpCommands } from './cdp-commands.ts';
import type { CommandDefinition } from './command.ts';
import { daemonCommands } from './daemon-commands.ts';
import { debugCommands } from './debug-commands.ts';
import { documentCommands, draftCommands } from './document-commands.ts';
import { inspectionCommands } from './inspection-commands.ts';
import { sandboxCommands } from './sandbox-commands.ts';
import { sessionCommands } from './session-commands.ts';
import { snapshotCommands } from './snapshot-commands.ts';
import { targetCommands } from './target-commands.ts';
import { tokenCommands } from './token-commands.ts';
import { trustCommands } from './trust-commands.ts';

export const catalogue = {
  ...daemonCommands,
  ...sandboxCommands,
  ...documentCommands,
  ...draftCommands,
  ...accessCommands,
  ...targetCommands,
  ...debugCommands,
  ...inspectionCommands,
  ...sessionCommands,
  ...cdpCommands,
  ...snapshotCommands,
  ...tokenCommands,
  ...trustCommands,
};

export type Catalogue = typeof catalogue;
export type CommandName = keyof Catalogue;
/** Arguments as the caller writes them, before defaults and transforms. */
export type CommandInput<N extends CommandName> = z.input<Catalogue[N]['args']>;
/** Arguments as the handler gets them. */
export type CommandArgs<N extends CommandName> = z.output<Catalogue[N]['args']>;
export type CommandResult<N extends CommandName> = z.output<Catalogue[N]['result']>;

export function isCommandName(name: string): name is CommandName {
  return Object.hasOwn(catalogue, name);
}

/** The definition under its loose type, for code that walks the catalogue. */
export function commandDefinition(name: CommandName): CommandDefinition {
  return catalogue[name];
}
