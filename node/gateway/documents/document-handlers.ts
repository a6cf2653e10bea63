/** Handlers that let pages in to shared documents. */

import { DOCUMENTS_PATH } from '#protocol/api/document-messages.ts';
import { classifyDocument } from '#shared/documents/document-name.ts';
import { SandboxError } from '#shared/errors.ts';
import { roleHolds } from '#shared/rights.ts';
import type { Handler } from '../../pipeline/context.ts';
import type { SandboxHandlers } from '../../pipeline/pipeline.ts';
import type { RunningSandbox } from '../../sandbox/running-sandbox.ts';
import type { LocalApi } from '../http/local-api.ts';
import { documentProtocols } from './document-gateway.ts';

/** @param api the local API, once it runs; undefined when it could not */
export function documentHandlers(
  api: () => Promise<Pick<LocalApi, 'documents' | 'origin' | 'tokens'> | undefined>,
): SandboxHandlers<RunningSandbox> {
  const open: Handler<'document.open', RunningSandbox> = async ({ document }, { caller, sandbox }) => {
    if (!caller.local) {
      throw new SandboxError(
        'FORBIDDEN',
        'Cannot open a document for another member: pages go through their own daemon',
      );
    }
    const running = await api();
    if (running === undefined) {
      throw new SandboxError('DAEMON_UNREACHABLE', 'Cannot open documents for pages: the local API does not run', {
        hint: 'The log says why: "sandmesh status" names its file.',
      });
    }
    const place = running.documents.invite(sandbox, document);
    const { accessToken, expiresInSeconds } = await running.tokens.grantFor(caller.access);
    const role = sandbox.replica.control.members.get(sandbox.replica.self)?.role;
    const { right, owner } = classifyDocument(document) ?? {};
    const isOurs = owner === undefined || owner === sandbox.replica.self;
    return {
      document,
      url: `${running.origin.replace(/^http/, 'ws')}${DOCUMENTS_PATH}`,
      ...place,
      protocols: documentProtocols(accessToken),
      expiresInSeconds,
      writable: isOurs && role !== undefined && right !== undefined && roleHolds(role, right),
    };
  };
  return { 'document.open': open };
}
