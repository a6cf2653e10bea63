/** Commands about drafts of source files. */

import type { CommandSpec } from '../command-spec.ts';

const FILE = { syntax: '<file>', summary: 'a source file of the project', values: 'files' } as const;
const TEXT = { flags: '--text <id>', summary: 'which one, where members began apart' } as const;
const load =
  (name: 'draftOpen' | 'draftList' | 'draftShow' | 'draftEdit' | 'draftDiscard'): CommandSpec['load'] =>
  async () =>
    (await import('../commands/draft.ts'))[name];

export const draftCommands: readonly CommandSpec[] = [
  {
    name: 'draft open',
    group: 'Together',
    summary: 'Begin a shared draft of a source file',
    details: 'Everybody with the right to edit writes in it, also while apart. The file itself is not touched.',
    args: [FILE],
    options: [{ flags: '--from <path>', summary: 'take the text from there instead; - for stdin' }],
    examples: [['sandmesh draft open src/cart.ts', 'from your checkout']],
    json: 'draft.open',
    load: load('draftOpen'),
  },
  {
    name: 'draft list',
    group: 'Together',
    summary: 'List the drafts',
    isDefault: true,
    examples: [['sandmesh draft list', 'of which files there are any']],
    json: 'draft.list',
    load: load('draftList'),
  },
  {
    name: 'draft show',
    group: 'Together',
    summary: 'Print a draft as it is now',
    args: [FILE],
    options: [TEXT],
    examples: [['sandmesh draft show src/cart.ts', 'to stdout']],
    json: 'draft.show',
    load: load('draftShow'),
  },
  {
    name: 'draft edit',
    group: 'Together',
    summary: 'Edit a draft in your editor',
    details: 'What others change elsewhere in it meanwhile stays. Where both changed one place, nothing is written.',
    args: [FILE],
    options: [TEXT, { flags: '--from <path>', summary: 'the new text, instead of an editor; - for stdin' }],
    examples: [['sandmesh draft edit src/cart.ts', 'with VISUAL or EDITOR']],
    json: 'draft.edit',
    load: load('draftEdit'),
  },
  {
    name: 'draft discard',
    group: 'Together',
    summary: 'Discard a draft, for everybody',
    args: [FILE],
    options: [TEXT],
    examples: [['sandmesh draft discard src/cart.ts', 'the file itself stays as it is']],
    json: 'draft.discard',
    load: load('draftDiscard'),
  },
];
