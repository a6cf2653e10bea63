/** The user's own certificate for the local API, read and tried before anything listens with it. */

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { SandboxError } from '#shared/errors.ts';

export interface OwnCertificate {
  /** PEM texts. */
  readonly cert: string;
  readonly key: string;
  /** Milliseconds since 1970; clients refuse it afterwards. */
  readonly validUntil: number;
}

/**
 * @param certFile `api.tlsCert`; @param keyFile `api.tlsKey`
 * @returns undefined when neither is set
 * @throws {SandboxError} CONFIG_INVALID saying which of the two is wrong, and how
 */
export async function readOwnCertificate(certFile: string, keyFile: string): Promise<OwnCertificate | undefined> {
  if (certFile === '' && keyFile === '') return undefined;
  if (certFile === '' || keyFile === '') {
    throw unusable(`"${certFile === '' ? 'api.tlsCert' : 'api.tlsKey'}" names no file, the other of the two does`);
  }
  const [cert, key] = [await readPem(certFile), await readPem(keyFile)];
  const certificate = certificateIn(cert, certFile);
  if (!certificate.checkPrivateKey(privateKeyIn(key, keyFile))) {
    throw unusable(`"${keyFile}" holds the key of another certificate than "${certFile}"`);
  }
  return { cert, key, validUntil: Date.parse(certificate.validTo) };
}

async function readPem(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw unusable(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function certificateIn(pem: string, file: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw unusable(`"${file}" holds no certificate`, cause);
  }
}

function privateKeyIn(pem: string, file: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    // What OpenSSL says of one differs between its versions.
    const isLocked = /-----BEGIN ENCRYPTED|^Proc-Type: 4,ENCRYPTED/m.test(pem);
    throw unusable(`"${file}" ${isLocked ? 'is under a passphrase' : 'holds no private key'}`, cause);
  }
}

function unusable(why: string, cause?: unknown): SandboxError {
  return new SandboxError('CONFIG_INVALID', `Cannot use the certificate of the local API: ${why}`, {
    hint: 'Set "api.tlsCert" and "api.tlsKey" to PEM files that belong together, the key without a passphrase, or both to nothing.',
    cause,
  });
}
