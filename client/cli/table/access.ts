/** Commands about who may come in, with which rights, and who decides. */

import { ROLES } from '#shared/rights.ts';
import type { CommandSpec } from '../command-spec.ts';

const GIVEN_ROLES = ROLES.filter((role) => role !== 'owner');
const MEMBER = { syntax: '<member>', summary: 'name, number or key fingerprint', values: 'members' } as const;

export const accessCommands: readonly CommandSpec[] = [
  {
    name: 'invite',
    group: 'Trust',
    summary: 'Print a link with a role, number of uses, expiry and limits of its own',
    details:
      'The link is a secret: whoever has it may ask to join. By default it is good once, for 24 hours, and roles that ' +
      'can touch a process ask you first.',
    options: [
      { flags: '--role <role>', summary: 'what it lets its holder do', choices: GIVEN_ROLES },
      { flags: '--uses <count>', summary: 'how many may join by it (default 1)', integer: { min: 1, max: 1000 } },
      { flags: '--expires <time>', summary: 'how long it is good: 30m, 12h, 7d (default 24h)' },
      { flags: '--approve <answer>', summary: 'ask before anybody joins', choices: ['yes', 'no'] },
      {
        flags: '--allow-ip <range>',
        summary: 'only from this address or range; may be given several times',
        repeatable: true,
      },
      { flags: '--admitter <member>', summary: 'a delegate decides about it', values: 'members' },
    ],
    examples: [
      ['sandmesh invite --role viewer --uses 20 --expires 2h', 'for a lecture'],
      ['sandmesh invite --allow-ip 10.0.0.0/8 --approve no', 'for the office, without asking'],
      ['sandmesh invite --admitter bob', 'bob decides, also while you are away'],
    ],
    json: 'invite.create',
    load: async () => (await import('../commands/access.ts')).invite,
  },
  {
    name: 'invites',
    group: 'Trust',
    summary: 'List invites: role, uses, expiry, who decides',
    examples: [['sandmesh invites', 'list them']],
    json: 'invite.list',
    load: async () => (await import('../commands/access.ts')).invites,
  },
  {
    name: 'revoke',
    group: 'Trust',
    summary: 'Remove a member, or close an invite',
    details:
      'A removed member is cut off at once, and what it writes from now on, here or to others, counts for nothing. What ' +
      'it read stays read.',
    args: [{ syntax: '<who>', summary: 'a member, or the id of an invite', values: 'members' }],
    examples: [
      ['sandmesh revoke mallory', 'remove a member'],
      ['sandmesh revoke 3fa9c2d1', 'close an invite'],
    ],
    json: 'member.revoke or invite.revoke',
    load: async () => (await import('../commands/access.ts')).revoke,
  },
  {
    name: 'role',
    group: 'Trust',
    summary: 'Change the role of a member',
    args: [MEMBER, { syntax: '<role>', summary: 'its role from now on', choices: ROLES }],
    examples: [['sandmesh role carol viewer', 'carol only watches from now on']],
    json: 'member.role',
    load: async () => (await import('../commands/access.ts')).role,
  },
  {
    name: 'delegate',
    group: 'Trust',
    summary: 'Let a member invite and admit others while you are away',
    details:
      'It also changes and removes whom it admitted, and nobody else. The member has to be here when you say so.',
    args: [MEMBER],
    options: [
      { flags: '--role <role>', summary: 'the highest role it may give (default its own)', choices: GIVEN_ROLES },
      { flags: '--end', summary: 'take it back; whom it admitted stays' },
    ],
    examples: [
      ['sandmesh delegate bob --role debugger', 'bob may let people in, up to debugger'],
      ['sandmesh delegate bob --end', 'not any more'],
    ],
    json: 'member.delegate',
    load: async () => (await import('../commands/access.ts')).delegate,
  },
  {
    name: 'key protect',
    group: 'Trust',
    summary: 'Keep the control key of your sandbox under a passphrase, or in the keyring',
    details:
      'SANDMESH_PASSPHRASE and SANDMESH_NEW_PASSPHRASE answer instead of you. Without it you cannot invite or remove. ' +
      'In the keyring it opens by itself while you are logged in.',
    options: [
      { flags: '--keyring', summary: "under a secret that your system's keyring keeps" },
      { flags: '--change', summary: 'it has a passphrase: replace it' },
      { flags: '--off', summary: 'keep it without one again' },
    ],
    examples: [
      ['sandmesh key protect', 'asks for it twice'],
      ['sandmesh key protect --keyring', 'asks for nothing'],
      ['sandmesh key protect --off', 'a plain file again'],
    ],
    json: 'key.protect',
    load: async () => (await import('../commands/control-key.ts')).protect,
  },
  {
    name: 'key unlock',
    group: 'Trust',
    summary: 'Unlock the control key until the daemon ends',
    examples: [['sandmesh key unlock', 'asks for the passphrase; not when the keyring has it']],
    json: 'key.unlock',
    load: async () => (await import('../commands/control-key.ts')).unlock,
  },
  {
    name: 'recover',
    group: 'Trust',
    summary: 'Take the sandbox over with its recovery key',
    details:
      'For a lost or stolen control key, and when the control log has forked (a restored backup that signed again): then ' +
      '--branch says which of its branches goes on.',
    options: [
      { flags: '--file <path>', summary: 'the recovery key (default: the one kept with the sandbox)' },
      { flags: '--branch <hash>', summary: 'of a forked log; none drops all of them' },
      { flags: '-y, --yes', summary: 'do not ask' },
    ],
    examples: [['sandmesh recover --file /media/usb/recovery.key', 'asks first']],
    json: 'sandbox.recover',
    load: async () => (await import('../commands/control-key.ts')).recover,
  },
];
