/** Commands about tokens of the local HTTP API. */

import { SCOPES } from '#protocol/api/scopes.ts';
import type { CommandSpec, OptionSpec } from '../command-spec.ts';

const SCOPE: OptionSpec = {
  flags: '--scope <scope>',
  summary: 'what it may be used for; may be given several times',
  choices: SCOPES,
  repeatable: true,
};

export const tokenCommands: readonly CommandSpec[] = [
  {
    name: 'token access',
    group: 'This machine',
    summary: 'Print an access token for the local API, good for 15 minutes',
    options: [SCOPE],
    examples: [
      [
        'sandmesh token access --scope read',
        'curl -H "Authorization: Bearer $(sandmesh token access)" <api>/api/v1/node',
      ],
    ],
    json: 'token.access',
    isDefault: true,
    load: async () => (await import('../commands/token.ts')).access,
  },
  {
    name: 'token create',
    group: 'This machine',
    summary: 'Make a token for a script or tool, and show it once',
    args: [{ syntax: '[label]', summary: 'what it is for' }],
    options: [
      SCOPE,
      { flags: '--expires <hours>', summary: 'end it after so many hours', integer: { min: 1, max: 8760 } },
    ],
    examples: [
      [
        'sandmesh token create ci --scope read --scope debug',
        'scopes: read (alone unless given), debug, evaluate, admin',
      ],
    ],
    json: 'token.create',
    load: async () => (await import('../commands/token.ts')).create,
  },
  {
    name: 'token list',
    group: 'This machine',
    summary: 'List the tokens you made, without their secrets',
    examples: [['sandmesh token list', 'with what each may do']],
    json: 'token.list',
    load: async () => (await import('../commands/token.ts')).list,
  },
  {
    name: 'token revoke',
    group: 'This machine',
    summary: 'End a token and every access token made from it',
    args: [{ syntax: '<id>', summary: 'as "token list" shows it' }],
    examples: [['sandmesh token revoke 3f2a90c177de', 'open WebSockets of it close']],
    json: 'token.revoke',
    load: async () => (await import('../commands/token.ts')).revoke,
  },
];
