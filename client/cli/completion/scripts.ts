/** Completion scripts for bash, zsh and fish. All three ask `sandmesh complete-values` for what only a daemon knows. */

import type { CommandSpec } from '../command-spec.ts';
import { bashScript } from './bash.ts';
import { fishScript } from './fish.ts';
import { completionModel } from './model.ts';
import { zshScript } from './zsh.ts';

export type Shell = 'bash' | 'zsh' | 'fish';

export function completionScript(shell: Shell, table: readonly CommandSpec[]): string {
  const commands = completionModel(table);
  switch (shell) {
    case 'bash':
      return bashScript(commands);
    case 'zsh':
      return zshScript(commands);
    case 'fish':
      return fishScript(commands);
    default:
      return shell satisfies never;
  }
}
