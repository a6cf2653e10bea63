import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readOwnCertificate } from '#node/gateway/http/own-certificate.ts';
import { commandMissing, unless } from '#test/skip.ts';
import { failure } from '../../failure.ts';
import { withFolder } from '../../temporary-folder.ts';

const DAY_MS = 86_400_000;

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: 'ignore' });
}

unless(
  test,
  commandMissing('openssl'),
  'a certificate is tried with its key, and what is wrong is said of the right file',
  () =>
    withFolder(async (folder) => {
      const at = (name: string): string => join(folder, name);
      const [cert, key, other, locked, text] = [at('c.pem'), at('k.pem'), at('o.pem'), at('l.pem'), at('t.txt')];
      const curve = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'];
      for (const file of [key, other]) openssl('genpkey', ...curve, '-out', file);
      openssl('genpkey', ...curve, '-aes128', '-pass', 'pass:secret', '-out', locked);
      openssl('req', '-x509', '-new', '-key', key, '-days', '2', '-subj', '/CN=box', '-out', cert);
      writeFileSync(text, 'no PEM');
      assert.is(await readOwnCertificate('', ''), undefined);
      const good = await readOwnCertificate(cert, key);
      assert.match(good?.cert ?? '', 'BEGIN CERTIFICATE');
      assert.ok(Math.abs((good?.validUntil ?? 0) - Date.now() - 2 * DAY_MS) < DAY_MS);
      const why = async (...files: [string, string]): Promise<string> => {
        const { code, message, hint } = await failure(() => readOwnCertificate(...files));
        assert.is(code, 'CONFIG_INVALID');
        assert.match(hint ?? '', 'api.tlsKey');
        return message;
      };
      assert.match(await why(cert, ''), '"api.tlsKey" names no file');
      assert.match(await why('', key), '"api.tlsCert" names no file');
      assert.match(await why(cert, at('nothing')), /ENOENT.*nothing/);
      assert.match(await why(text, key), 't.txt" holds no certificate');
      assert.match(await why(cert, text), 't.txt" holds no private key');
      assert.match(await why(cert, locked), 'l.pem" is under a passphrase');
      assert.match(await why(cert, other), 'o.pem" holds the key of another certificate');
    }),
);

test.run();
