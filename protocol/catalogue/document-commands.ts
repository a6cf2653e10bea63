/** Commands about shared documents: a page's way in, and the drafts of source files. */

import { z } from 'zod';
import { MAX_DOCUMENT_NAME_LENGTH } from '#shared/documents/document-name.ts';
import { defineCommand } from './command.ts';

export const documentCommands = {
  'document.open': defineCommand('document.open', {
    summary: 'Give a page what it needs to open a shared document with y-websocket',
    args: z.object({
      /** `debug`, `probes`, `experiments` or `draft/<file>`. */
      document: z.string().min(1).max(MAX_DOCUMENT_NAME_LENGTH),
    }),
    result: z.object({
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
