/** `draft`: shared texts of source files. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { CommandResult } from '#protocol/catalogue/catalogue.ts';
import { SandboxError } from '#shared/errors.ts';
import { count } from '#shared/plural.ts';
import type { CommandHandler, Invocation } from '../command-spec.ts';
import type { CliContext } from '../context.ts';
import { ExitCode } from '../exit-codes.ts';
import { memberNames } from '../lookup.ts';
import { safeText } from '../render/safe-text.ts';

type Draft = CommandResult<'draft.open'>;

export const draftOpen: CommandHandler = async ({ context, args, options }) => {
  const from = options.text('from');
  const content = from === undefined ? {} : { content: await textFrom(from, context) };
  const draft = await context.call('draft.open', { file: args[0] ?? '', ...content });
  const name = await namesOf(context);
  context.output.result(draft, () => describe(draft, name));
  return ExitCode.ok;
};

export const draftList: CommandHandler = async ({ context }) => {
  const [result, name] = await Promise.all([context.call('draft.list', {}), namesOf(context)]);
  context.output.result(result, () =>
    result.drafts.length === 0
      ? 'No drafts. Begin one: sandmesh draft open <file>'
      : result.drafts.map((draft) => describe(draft, name)).join('\n'),
  );
  return ExitCode.ok;
};

export const draftShow: CommandHandler = async ({ context, args, options }) => {
  const shown = await context.call('draft.show', which(args, options));
  context.output.result(shown, () => safeText(shown.content).replace(/\n$/, ''));
  return ExitCode.ok;
};

export const draftEdit: CommandHandler = async ({ context, args, options }) => {
  const place = which(args, options);
  const { content: before, file } = await context.call('draft.show', place);
  const from = options.text('from');
  const after = from === undefined ? editWith(context, file, before) : await textFrom(from, context);
  const changed = await context.call('draft.edit', { ...place, before, after });
  context.output.result(changed, () =>
    before === after
      ? 'Nothing was changed.'
      : `The draft of ${safeText(changed.file)} has ${changed.chars} characters now.`,
  );
  return ExitCode.ok;
};

export const draftDiscard: CommandHandler = async ({ context, args, options }) => {
  const gone = await context.call('draft.discard', which(args, options));
  context.output.result(gone, () => `The draft of ${safeText(gone.file)} is gone.`);
  return ExitCode.ok;
};

function which(args: readonly string[], options: Invocation['options']): { file: string; text?: string } {
  const text = options.text('text');
  return { file: args[0] ?? '', ...(text === undefined ? {} : { text }) };
}

async function namesOf(context: CliContext): Promise<ReturnType<typeof memberNames>> {
  return memberNames((await context.call('member.list', {})).members);
}

function describe({ file, texts }: Draft, name: ReturnType<typeof memberNames>): string {
  const lines = texts.map(
    ({ id, by, chars }) => `${safeText(file)}  ${id}  ${count(chars, 'character')}, begun by ${safeText(name(by))}`,
  );
  return lines.join('\n');
}

async function textFrom(from: string, context: Invocation['context']): Promise<string> {
  if (from !== '-') {
    try {
      return readFileSync(from, 'utf8');
    } catch (cause) {
      throw new SandboxError('SOURCE_UNKNOWN', `Cannot read "${from}"`, { cause });
    }
  }
  const chunks: Buffer[] = [];
  for await (const chunk of context.stdin()) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}

/** In the person's own editor, on a copy that nobody else reads. */
function editWith({ env }: Invocation['context'], file: string, before: string): string {
  const editor = env['VISUAL'] ?? env['EDITOR'];
  if (editor === undefined || editor === '') {
    throw new SandboxError('BAD_ARGUMENT', `Cannot edit the draft of "${file}": no editor is set`, {
      hint: 'Set EDITOR, or give the new text with --from <path>, - for stdin.',
    });
  }
  const folder = mkdtempSync(path.join(tmpdir(), 'sandmesh-draft-'));
  const copy = path.join(folder, path.posix.basename(file));
  try {
    writeFileSync(copy, before, { mode: 0o600 });
    // As git does it: the variable may hold options too.
    const { status } = spawnSync('/bin/sh', ['-c', `${editor} "$1"`, editor, copy], { stdio: 'inherit' });
    if (status !== 0)
      throw new SandboxError('CANCELLED', `The editor "${editor}" ended with ${status}: nothing is changed`);
    return readFileSync(copy, 'utf8');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
