/**
 * macOS: the login keychain, by `security`. Tested on sample output in the documented form: nobody has run this file on
 * a Mac.
 */

import { assertKind, type Keyring, SERVICE, unavailable } from './keyring.ts';
import { complaint, type RunKeyringTool } from './keyring-tool.ts';

const TOOL = '/usr/bin/security';
const kind = 'keychain';
/** errSecItemNotFound, as `security` ends with it. */
const NOT_FOUND = 44;

export function darwinKeyring(run: RunKeyringTool): Keyring {
  const item = (entry: string): string[] => ['-a', entry, '-s', SERVICE];
  return {
    kind,
    async store(entry, label, secret) {
      // -i reads commands from standard input: as an argument the secret could be seen.
      const words = [
        'add-generic-password',
        '-U',
        ...item(entry),
        '-l',
        `"${label.replace(/["\\\n]/g, ' ')}"`,
        '-w',
        secret,
      ];
      const result = await run(TOOL, ['-i'], `${words.join(' ')}\n`);
      // It ends with 0 whatever became of its commands: only reading it back tells.
      if (result.code !== 0) throw unavailable('write to', complaint(result));
      const place = { kind, entry } as const;
      if ((await this.read(place)) !== secret) throw unavailable('write to', 'it kept something else');
      return place;
    },
    async read(place) {
      assertKind({ kind }, place);
      const result = await run(TOOL, ['find-generic-password', ...item(place.entry), '-w'], '');
      if (result.code === NOT_FOUND) throw unavailable('read', 'it holds no such entry');
      if (result.code !== 0) throw unavailable('read', complaint(result));
      return result.stdout.trimEnd();
    },
    async forget(place) {
      assertKind({ kind }, place);
      const result = await run(TOOL, ['delete-generic-password', ...item(place.entry)], '');
      if (result.code !== 0 && result.code !== NOT_FOUND) throw unavailable('clear', complaint(result));
    },
  };
}
