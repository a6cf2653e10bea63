/** Commands about the sandbox, its link and the people in it. */

import { ROLES } from '#shared/rights.ts';
import type { CommandSpec } from '../command-spec.ts';
import { OPEN_OPTIONS } from './programs.ts';

const LINK_ROLES = ROLES.filter((role) => role !== 'owner');

export const sharingCommands: readonly CommandSpec[] = [
  {
    name: 'open',
    group: 'Share',
    summary: "Open this project's sandbox and print its link, without running anything",
    options: OPEN_OPTIONS,
    examples: [
      ['sandmesh open', 'print the link and a QR code'],
      ['sandmesh open -q', 'only the link, for scripts'],
    ],
    json: 'sandbox.open',
    load: async () => (await import('../commands/open.ts')).open,
  },
  {
    name: 'share',
    group: 'Share',
    summary: 'Listen on the local network and print a fresh link',
    options: [
      { flags: '--role <role>', summary: 'what the link lets its holder do, once approved', choices: LINK_ROLES },
      { flags: '--reach <reach>', summary: 'who can reach this daemon (default lan)', choices: ['loopback', 'lan'] },
    ],
    examples: [
      ['sandmesh share', 'for a colleague on the same network'],
      ['sandmesh share --role viewer', 'for somebody who only watches'],
    ],
    json: 'sandbox.share',
    load: async () => (await import('../commands/open.ts')).share,
  },
  {
    name: 'join',
    group: 'Share',
    summary: 'Join a sandbox by its link',
    details:
      'Waits until its host says yes. In a checkout of the project, a later "sandmesh run" adds your program. The link ' +
      'is a secret, and other users of this machine can read command lines: pass - to read it from stdin.',
    args: [{ syntax: '<link>', summary: 'the link, or - to read it from stdin' }],
    options: [
      { flags: '--name <name>', summary: 'your name as the others see it (default: config name)' },
      { flags: '--keep-trying', summary: 'do not give up after 10 s when nobody answers' },
    ],
    examples: [
      ["sandmesh join 'sandmesh:#…'", 'the quotes keep the shell from touching it'],
      ['sandmesh join -', 'paste it, then Enter'],
    ],
    json: 'sandbox.join',
    load: async () => (await import('../commands/join.ts')).join,
  },
  {
    name: 'leave',
    group: 'Share',
    summary: 'Leave the sandbox and forget its keys on this machine',
    details:
      'When its owner leaves so, the others stay, and nobody can remove them or change their roles. To hand it over, ' +
      'give one of them the recovery key first: there it is "sandmesh recover --file <path>".',
    options: [
      { flags: '-y, --yes', summary: 'do not ask' },
      { flags: '--archive', summary: 'keep it as a file that "sandmesh import" brings back' },
      { flags: '--destroy', summary: "the owner's: remove everybody and end every link first" },
    ],
    examples: [['sandmesh leave', 'asks first']],
    json: 'sandbox.leave',
    load: async () => (await import('../commands/leave.ts')).leave,
  },
  {
    name: 'members',
    group: 'Together',
    summary: 'List who is here, with role and key fingerprint',
    options: [{ flags: '--sessions', summary: 'who is connected: since when, last seen, until when' }],
    examples: [
      ['sandmesh members', 'list them'],
      ['sandmesh members --sessions', 'and their connections'],
    ],
    json: 'member.list; with --sessions session.list',
    load: async () => (await import('../commands/members.ts')).members,
  },
  {
    name: 'requests',
    group: 'Together',
    summary: 'List what waits for your yes or no',
    examples: [['sandmesh requests', 'list them']],
    json: 'request.list',
    load: async () => (await import('../commands/requests.ts')).requests,
  },
  {
    name: 'approve',
    group: 'Together',
    summary: 'Say yes to a request; without an argument, choose and confirm',
    args: [{ syntax: '[request]', summary: "its id, the start of it, or the member's name", values: 'requests' }],
    options: [{ flags: '--role <role>', summary: 'a joiner gets this role instead', choices: LINK_ROLES }],
    examples: [
      ['sandmesh approve alice', 'let alice in'],
      ['sandmesh approve alice --role viewer', 'but only to watch'],
    ],
    json: 'request.approve',
    load: async () => (await import('../commands/requests.ts')).approve,
  },
  {
    name: 'deny',
    group: 'Together',
    summary: 'Say no to a request',
    args: [{ syntax: '[request]', summary: "its id, the start of it, or the member's name", values: 'requests' }],
    examples: [['sandmesh deny alice', 'keep alice out']],
    json: 'request.deny',
    load: async () => (await import('../commands/requests.ts')).deny,
  },
  {
    name: 'lease',
    group: 'Together',
    summary: 'See, take or give back the driver lease: who may step',
    args: [{ syntax: '[action]', summary: 'default: show', choices: ['show', 'take', 'release'] }],
    options: [
      { flags: '-t, --target <target>', summary: 'id, name or pid', values: 'targets' },
      { flags: '--to <member>', summary: 'release: hand it to this member', values: 'members' },
    ],
    examples: [
      ['sandmesh lease take', 'taken when free, else you queue for it'],
      ['sandmesh lease release --to alice', 'hand it over'],
    ],
    json: 'lease.take or lease.release; show: {leases: […]}',
    load: async () => (await import('../commands/lease.ts')).lease,
  },
  {
    name: 'chat',
    group: 'Together',
    summary: 'Write a line to everybody; without text, show the last lines',
    args: [{ syntax: '[text...]', summary: 'what to say' }],
    options: [
      { flags: '-f, --follow', summary: 'keep printing new lines until Ctrl-C' },
      { flags: '-n, --lines <count>', summary: 'lines of the past (default 20)', integer: { min: 1, max: 1000 } },
    ],
    examples: [
      ['sandmesh chat look at cart.ts:42', 'say it'],
      ['sandmesh chat -f', 'listen'],
    ],
    json: 'chat.send; without text chat.list, with --follow then one {line} per line',
    load: async () => (await import('../commands/chat.ts')).chat,
  },
  {
    name: 'watch',
    group: 'Together',
    summary: 'Live view: who is here, where each program stands, source, output, requests',
    details: 'Keys: c continue, n over, s into, o out, p pause, a/d approve/deny, l lease, Tab next program, q quit.',
    options: [{ flags: '-t, --target <target>', summary: 'start with this program', values: 'targets' }],
    examples: [
      ['sandmesh watch', 'in a terminal'],
      ['sandmesh watch | tee session.log', 'no terminal: one line per event'],
    ],
    json: 'one {topic, event, sandbox, sequence} per line, see the topics in protocol/topics.ts',
    load: async () => (await import('../commands/watch.ts')).watch,
  },
];
