/**
 * Where a sandbox's consents lie on disk. A file that cannot be used means that nobody was allowed anything: it is
 * kept aside for whoever wants to look into it, said in the log, and people are asked again.
 */

import { renameSync } from 'node:fs';
import { SandboxError } from '#shared/errors.ts';
import type { ConsentStorage } from '../security/consent.ts';
import { readJsonFile, writeFileAtomic } from '../storage/atomic-file.ts';

/** @param onError told about a file that cannot be used, and where it was put */
export function consentFile(file: string, onError: (error: unknown) => void): ConsentStorage {
  const reject = (cause?: unknown): void => onError(setAside(file, cause));
  return {
    read: () => {
      try {
        return readJsonFile(file);
      } catch (error) {
        reject(error);
        return undefined;
      }
    },
    reject,
    write: (value) => writeFileAtomic(file, `${JSON.stringify(value)}\n`),
  };
}

/** One file is kept: the latest. */
function setAside(file: string, cause: unknown): SandboxError {
  const aside = `${file}.unusable`;
  const why = cause instanceof Error ? cause.message : 'it has an unknown shape';
  try {
    renameSync(file, aside);
    return new SandboxError('STORAGE_CORRUPT', `Cannot use the consents in "${file}": ${why}`, {
      hint: `Everybody is asked for again; the file is kept as "${aside}".`,
      cause,
    });
  } catch (failure) {
    return new SandboxError('STORAGE_CORRUPT', `Cannot use the consents in "${file}", nor move it away: ${failure}`, {
      hint: 'Everybody is asked for again; the next answer replaces the file.',
      cause,
    });
  }
}
