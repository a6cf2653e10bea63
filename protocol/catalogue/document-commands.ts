/** Commands about shared documents: a page's way in, and the drafts of source files. */

import { z } from 'zod';
import { MAX_DOCUMENT_NAME_LENGTH } from '#shared/documents/document-name.ts';
import { MAX_DRAFT_CHARS } from '#shared/documents/draft.ts';
import { contentHashSchema, memberIdSchema, wallClockSchema } from '#shared/model/schemas.ts';
import { defineCommand } from './command.ts';

export const documentCommands = {
  'document.open': defineCommand('document.open', {
    summary: 'Give a page what it needs to open a shared document with y-websocket',
    args: () =>
      z.object({
        /** `debug`, `probes`, `experiments` or `draft/<file>`. */
        document: z.string().min(1).max(MAX_DOCUMENT_NAME_LENGTH),
      }),
    result: () =>
      z.object({
        document: z.string(),
        /** First argument of the provider. */
        url: z.string(),
        /** Second: names the document, its generation and this page. Good until the document is built anew. */
        room: z.string(),
        /** Set as `doc.clientID` before anything is loaded into the document and before its provider is made. */
        clientId: z.number().int(),
        /** Option `protocols`: among them an access token. */
        protocols: z.array(z.string()),
        expiresInSeconds: z.number().int(),
        /** Whether this member's role may write it. */
        writable: z.boolean(),
      }),
    right: 'view',
    effect: 'read',
  }),
};

const draftFile = z.string().min(1).max(1024);
const draftId = z.string().max(32);

const draftTextSchema = z.object({
  id: z.string(),
  /** Of the source it was made from. */
  sha256: contentHashSchema,
  by: memberIdSchema,
  at: wallClockSchema,
  chars: z.number().int(),
});
const draftSchema = z.object({
  /** Posix path from the project's root. */
  file: z.string(),
  /** Name for "document.open". */
  document: z.string(),
  /** More than one when members began apart: each stays until somebody discards it. */
  texts: z.array(draftTextSchema),
});
/** Which of several texts; the only one when absent. */
const which = { file: draftFile, text: draftId.optional() };

export const draftCommands = {
  'draft.open': defineCommand('draft.open', {
    summary: 'Begin a shared draft of a source file, or give the one there is',
    args: () =>
      z.object({
        file: draftFile,
        /** Instead of what this machine's checkout has. */
        content: z.string().max(MAX_DRAFT_CHARS).optional(),
      }),
    result: () => draftSchema,
    right: 'edit',
    effect: 'write',
  }),
  'draft.list': defineCommand('draft.list', {
    summary: 'List the drafts of source files',
    args: () => z.object({}),
    result: () => z.object({ drafts: z.array(draftSchema) }),
    right: 'view',
    effect: 'read',
  }),
  'draft.show': defineCommand('draft.show', {
    summary: 'Show a draft as it is now',
    args: () => z.object(which),
    result: () => draftTextSchema.extend({ file: z.string(), content: z.string() }),
    right: 'view',
    effect: 'read',
  }),
  'draft.edit': defineCommand('draft.edit', {
    summary: 'Change a draft; what others changed elsewhere in it meanwhile stays',
    args: () =>
      z.object({
        ...which,
        /** The text that was edited, as it was shown. */
        before: z.string().max(MAX_DRAFT_CHARS),
        after: z.string().max(MAX_DRAFT_CHARS),
      }),
    result: () => z.object({ file: z.string(), text: z.string(), chars: z.number().int() }),
    right: 'edit',
    effect: 'write',
  }),
  'draft.discard': defineCommand('draft.discard', {
    summary: 'Discard a draft, for everybody',
    args: () => z.object(which),
    result: () => z.object({ file: z.string(), discarded: z.string() }),
    right: 'edit',
    effect: 'write',
  }),
};
