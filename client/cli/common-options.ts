/** Options that every command takes. */

import type { OptionSpec } from './command-spec.ts';

export const COMMON_OPTIONS: readonly OptionSpec[] = [
  { flags: '--sandbox <sandbox>', summary: "id or name; default: this folder's, or the only one", values: 'sandboxes' },
  { flags: '--json', summary: 'print JSON for programs' },
  { flags: '-q, --quiet', summary: 'print only the result; for a link, only the link' },
  {
    flags: '--set <key=value>',
    summary: 'a setting for the daemon this starts, over file and environment; repeatable',
    values: 'config',
    repeatable: true,
  },
];
