/** Commands about trust: what was done, what is allowed, whether what is stored is whole. */

import { LEVELS, RULE_NAMES, VERDICTS } from '#shared/model/policy.ts';
import type { CommandSpec } from '../command-spec.ts';

const PROGRAM = {
  syntax: '<program>',
  summary: 'its name, as "sandmesh targets" shows it',
  values: 'targets',
} as const;

export const trustCommands: readonly CommandSpec[] = [
  {
    name: 'audit',
    group: 'Trust',
    summary: 'Show what was done to programs here, by whom, and what was refused',
    details:
      'Every line is bound to the one before by its hash and signed with the key of this device. --verify finds lines ' +
      'that were edited, removed, added or moved; exit code 1 if there are any.',
    options: [
      { flags: '--verify', summary: 'check the log instead of showing it' },
      { flags: '--since <when>', summary: 'only what is newer: 30m, 2h, 7d, or a date such as 2026-11-23T09:00' },
      { flags: '-n, --lines <count>', summary: 'lines of the past (default 200)', integer: { min: 1, max: 10_000 } },
    ],
    examples: [
      ['sandmesh audit --since 2h', 'of the last two hours'],
      ['sandmesh audit --verify', 'is it as it was written?'],
    ],
    json: 'audit.list; with --verify audit.verify',
    load: async () => (await import('../commands/audit.ts')).audit,
  },
  {
    name: 'policy show',
    group: 'Trust',
    summary: 'Show what each level makes of each action and right',
    isDefault: true,
    options: [{ flags: '--program <name>', summary: 'with the rules for this program', values: 'targets' }],
    examples: [['sandmesh policy show', 'and which program has which level']],
    json: 'policy.show',
    load: async () => (await import('../commands/policy.ts')).show,
  },
  {
    name: 'policy set',
    group: 'Trust',
    summary: 'Set what a level, or one program, makes of an action or right',
    details:
      `Rules: ${RULE_NAMES.join(', ')}. A rule for a right beats one for its action; the rules of this host beat those ` +
      'of the sandbox; ask puts every single command to you, and silence is a no.',
    args: [
      { syntax: '<where>', summary: `a level (${LEVELS.join(', ')}) or the name of a program`, values: 'targets' },
      { syntax: '<rule>', summary: 'an action or a right', choices: RULE_NAMES },
      { syntax: '<verdict>', summary: 'what becomes of it', choices: [...VERDICTS, 'default'] },
    ],
    options: [{ flags: '--shared', summary: 'for every host of the sandbox; its owner only' }],
    examples: [
      ['sandmesh policy set production code_execution deny', 'nobody runs code in production here'],
      ['sandmesh policy set shop state_modification ask', 'in this program, ask me each time'],
      ['sandmesh policy set production resource_access audit --shared', 'for all hosts of the sandbox'],
    ],
    json: 'policy.set',
    load: async () => (await import('../commands/policy.ts')).set,
  },
  {
    name: 'policy level',
    group: 'Trust',
    summary: 'Set the level of a program; NODE_ENV can raise it, not lower it',
    args: [PROGRAM, { syntax: '<level>', summary: 'its level', choices: [...LEVELS, 'default'] }],
    examples: [['sandmesh policy level shop staging', 'treat it with more care']],
    json: 'policy.level',
    load: async () => (await import('../commands/policy.ts')).level,
  },
  {
    name: 'verify',
    group: 'Trust',
    summary: 'Check what is stored on this machine: every record, chain and signature',
    details:
      'Of every sandbox, or of the one --sandbox names. Reads only. Exit code 1 when something does not hold. --quick ' +
      'verifies one signature per chain, at its head: the hashes vouch for the rest, a million envelopes take seconds.',
    options: [{ flags: '--quick', summary: 'hashes throughout, signatures at the heads of chains' }],
    examples: [
      ['sandmesh verify', 'after a crash, or before an export'],
      ['sandmesh verify --quick', 'every morning'],
    ],
    json: 'storage.verify',
    load: async () => (await import('../commands/archive.ts')).verify,
  },
  {
    name: 'checkpoint',
    group: 'Trust',
    summary: 'Make a checkpoint now: the log shrinks, joining takes less',
    details:
      "The owner's daemon makes them by itself when much was written; members compare them with what they have before " +
      'they let go of anything. This makes one at once, for example before many people join.',
    examples: [['sandmesh checkpoint', 'what was written so far becomes one file']],
    json: 'storage.checkpoint',
    load: async () => (await import('../commands/archive.ts')).checkpoint,
  },
  {
    name: 'export',
    group: 'Trust',
    summary: 'Write all that is stored of the sandbox to one file',
    details:
      'Whoever has the file can read the sandbox. With --keys they can also act as its owner: keep it like a password. ' +
      'The key of this device is never in it.',
    args: [{ syntax: '<file>', summary: 'a new file, for example shop.sandmesh', values: 'files' }],
    options: [{ flags: '--keys', summary: "with the owner's and recovery keys, where they lie here" }],
    examples: [
      ['sandmesh export shop.sandmesh', 'to keep, or to look into later'],
      ['sandmesh export --keys shop.sandmesh', 'a backup that can also invite and remove'],
    ],
    json: 'storage.export',
    load: async () => (await import('../commands/archive.ts')).exportSandbox,
  },
  {
    name: 'import',
    group: 'Trust',
    summary: 'Bring a sandbox back from such a file',
    details: 'All of it is verified first. This device must have been a member of it.',
    args: [{ syntax: '<file>', summary: 'as "sandmesh export" wrote it', values: 'files' }],
    examples: [['sandmesh import shop.sandmesh', 'in a checkout of the project it is bound to it']],
    json: 'storage.import',
    load: async () => (await import('../commands/archive.ts')).importSandbox,
  },
];
