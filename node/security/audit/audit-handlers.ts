/** Handlers of `audit.*`. */

import type { Crypto } from '#protocol/crypto.ts';
import type { DaemonHandler } from '../../pipeline/context.ts';
import type { DaemonHandlers } from '../../pipeline/pipeline.ts';
import type { AuditLog } from './audit-log.ts';
import { type AuditAnchor, readAuditEntries, verifyAuditLog } from './audit-reader.ts';

const DEFAULT_LIMIT = 200;

export interface AuditHandlerOptions {
  readonly log: AuditLog;
  readonly folder: string;
  readonly crypto: Crypto;
  /** The device's public key. */
  readonly key: Uint8Array;
  /** Heads that were told to others. */
  readonly anchors: () => Promise<readonly AuditAnchor[]>;
}

export function auditHandlers({ log, folder, crypto, key, anchors }: AuditHandlerOptions): DaemonHandlers {
  const list: DaemonHandler<'audit.list'> = async ({ since, limit = DEFAULT_LIMIT }) => {
    log.write();
    return { entries: await readAuditEntries(folder, crypto, { since, limit }) };
  };
  const verify: DaemonHandler<'audit.verify'> = async () => {
    log.writeForReading();
    const {
      lines,
      signatures,
      anchors: held,
      problems,
    } = await verifyAuditLog(folder, {
      crypto,
      key,
      anchors: await anchors(),
    });
    return {
      folder,
      lines,
      signatures,
      anchors: held,
      problems: problems.map(({ file, line, problem }) => ({ file, at: line, problem })),
    };
  };
  return { 'audit.list': list, 'audit.verify': verify };
}
