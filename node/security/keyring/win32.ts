/**
 * Windows: DPAPI through Windows PowerShell, which every system has. It stores nothing: it encrypts for this user, and
 * what comes out is kept beside what it opens. Tested on sample output: nobody has run this file on Windows.
 */

import { assertKind, type Keyring, unavailable } from './keyring.ts';
import { complaint, type RunKeyringTool } from './keyring-tool.ts';

const TOOL = 'powershell.exe';
const kind = 'dpapi';

/** Reads base64 from standard input, prints base64. */
const script = (call: 'Protect' | 'Unprotect'): string =>
  [
    "$ErrorActionPreference = 'Stop'",
    'Add-Type -AssemblyName System.Security',
    '$bytes = [Convert]::FromBase64String([Console]::In.ReadToEnd().Trim())',
    `$result = [Security.Cryptography.ProtectedData]::${call}($bytes, $null, 'CurrentUser')`,
    '[Console]::Out.Write([Convert]::ToBase64String($result))',
  ].join('; ');

export function win32Keyring(run: RunKeyringTool): Keyring {
  const dpapi = async (call: 'Protect' | 'Unprotect', input: string): Promise<string> => {
    const result = await run(TOOL, ['-NoProfile', '-NonInteractive', '-Command', script(call)], input);
    const output = result.stdout.trim();
    if (result.code === 0 && output !== '') return output;
    throw unavailable(call === 'Protect' ? 'write to' : 'read', complaint(result));
  };
  return {
    kind,
    async store(_entry, _label, secret) {
      return { kind, entry: await dpapi('Protect', Buffer.from(secret).toString('base64')) };
    },
    async read(place) {
      assertKind({ kind }, place);
      return Buffer.from(await dpapi('Unprotect', place.entry), 'base64').toString();
    },
    async forget(place) {
      assertKind({ kind }, place);
    },
  };
}
