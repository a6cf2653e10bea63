/** Handlers of drafts: shared texts of source files, each anchored to the source it was made from. */

import { createHash, randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import type { CommandResult } from '#protocol/catalogue/catalogue.ts';
import {
  beginDraft,
  changedStretch,
  type DraftText,
  discardDraft,
  draftDocument,
  draftTexts,
  fileOfDraft,
  MAX_DRAFT_CHARS,
  rebaseStretch,
} from '#shared/documents/draft.ts';
import { SandboxError } from '#shared/errors.ts';
import type { ContentHash } from '#shared/ids.ts';
import { pathBelow, readTextFile } from '../engine/source/local-files.ts';
import type { CallContext, Handler } from '../pipeline/context.ts';
import type { SandboxHandlers } from '../pipeline/pipeline.ts';
import { createServedFiles } from '../security/served-files.ts';
import type { RunningSandbox } from './running-sandbox.ts';

type Context = CallContext<RunningSandbox>;
type Draft = CommandResult<'draft.open'>;

export function draftHandlers(): SandboxHandlers<RunningSandbox> {
  const open: Handler<'draft.open', RunningSandbox> = async (args, context) => {
    const { replica } = context.sandbox;
    const file = fileNamed(args.file, context);
    const document = draftDocument(file);
    if (draftTexts(replica.document(document)).length === 0) {
      const content = args.content ?? sourceOf(file, context);
      const sha256 = createHash('sha256').update(content).digest('hex') as ContentHash;
      const id = `${replica.self}.${randomBytes(4).toString('hex')}`;
      await replica.edit(document, (doc) => beginDraft(doc, id, { sha256, at: Date.now() }, content));
    }
    return describe(file, draftTexts(replica.document(document)));
  };
  const list: Handler<'draft.list', RunningSandbox> = async (_args, { sandbox: { replica } }) => {
    const files = replica.documentNames().flatMap((name) => fileOfDraft(name) ?? []);
    const drafts = files.sort().map((file) => describe(file, draftTexts(replica.document(draftDocument(file)))));
    return { drafts: drafts.filter(({ texts }) => texts.length > 0) };
  };
  const show: Handler<'draft.show', RunningSandbox> = async (args, context) => {
    const { file, text } = find(args, context);
    return { file, ...describeText(text), content: text.text.toString() };
  };
  const edit: Handler<'draft.edit', RunningSandbox> = async (args, context) => {
    const { file, text } = find(args, context);
    const current = text.text.toString();
    const wanted = changedStretch(args.before, args.after);
    const change = wanted && rebaseStretch(wanted, changedStretch(args.before, current));
    if (wanted !== undefined && change === undefined) {
      throw new SandboxError('HANDLE_STALE', `Cannot change the draft of "${file}": somebody changed the same place`, {
        hint: `Look at it again: sandmesh draft show ${file}`,
      });
    }
    if (change !== undefined) {
      await context.sandbox.replica.edit(draftDocument(file), () => {
        text.text.delete(change.at, change.removed);
        text.text.insert(change.at, change.inserted);
      });
    }
    return { file, text: text.id, chars: text.text.length };
  };
  const discard: Handler<'draft.discard', RunningSandbox> = async (args, context) => {
    const { file, text } = find(args, context);
    await context.sandbox.replica.edit(draftDocument(file), (doc) => discardDraft(doc, text.id));
    return { file, discarded: text.id };
  };
  return {
    'draft.open': open,
    'draft.list': list,
    'draft.show': show,
    'draft.edit': edit,
    'draft.discard': discard,
  };
}

/** The posix path from the project's root that a person means: from where they stand, or as others name the file. */
function fileNamed(file: string, { folder, sandbox: { project, replica } }: Context): string {
  if (project === undefined) return file;
  const below = pathBelow(project.root, resolve(folder ?? project.root, file));
  const isDraft = (name: string): boolean => draftTexts(replica.document(draftDocument(name))).length > 0;
  if (below !== undefined && (isDraft(below) || !isDraft(file))) return below;
  if (isDraft(file)) return file;
  throw new SandboxError('PATH_FORBIDDEN', `Cannot draft "${file.slice(0, 200)}": it is not in this project`, {
    hint: `The project is "${project.root}".`,
  });
}

/** As this machine's checkout has it, if others may read it. */
function sourceOf(file: string, { sandbox: { project } }: Context): string {
  const content =
    project === undefined
      ? undefined
      : readTextFile(createServedFiles(project.root).check(resolve(project.root, file)), MAX_DRAFT_CHARS);
  if (content !== undefined && content.length <= MAX_DRAFT_CHARS) return content;
  throw new SandboxError('SOURCE_UNKNOWN', `Cannot draft "${file.slice(0, 200)}": no text of it is here`, {
    hint: 'Name a source file of this checkout, or give its text.',
  });
}

function find(args: { file: string; text?: string | undefined }, context: Context): { file: string; text: DraftText } {
  const file = fileNamed(args.file, context);
  const texts = draftTexts(context.sandbox.replica.document(draftDocument(file)));
  const [text, ...others] = args.text === undefined ? texts : texts.filter(({ id }) => id === args.text);
  if (text === undefined) {
    throw new SandboxError('SOURCE_UNKNOWN', `Cannot find a draft of "${file.slice(0, 200)}"`, {
      hint: 'List them with "sandmesh draft list"; begin one with "sandmesh draft open <file>".',
    });
  }
  if (others.length === 0) return { file, text };
  const ids = texts.map(({ id }) => id).join(', ');
  throw new SandboxError('BAD_ARGUMENT', `Cannot tell which draft of "${file}" is meant: it was begun apart (${ids})`, {
    hint: 'Name one with --text <id>; discard the others when they are merged.',
  });
}

function describe(file: string, texts: readonly DraftText[]): Draft {
  return { file, document: draftDocument(file), texts: texts.map(describeText) };
}

function describeText({ id, sha256, by, at, text }: DraftText): Draft['texts'][number] {
  return { id, sha256, by, at, chars: text.length };
}
