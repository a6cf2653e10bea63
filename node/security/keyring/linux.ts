/** Linux: the desktop's Secret Service (GNOME Keyring, KWallet, KeePassXC), by `secret-tool` of libsecret. */

import { assertKind, type Keyring, SERVICE, unavailable } from './keyring.ts';
import { complaint, type RunKeyringTool } from './keyring-tool.ts';

const TOOL = 'secret-tool';
const kind = 'secret-service';

export function linuxKeyring(run: RunKeyringTool): Keyring {
  const attributes = (entry: string): string[] => ['service', SERVICE, 'entry', entry];
  return {
    kind,
    async store(entry, label, secret) {
      const result = await run(TOOL, ['store', `--label=${label}`, ...attributes(entry)], secret);
      if (result.code !== 0) throw unavailable('write to', complaint(result));
      return { kind, entry };
    },
    async read(place) {
      assertKind({ kind }, place);
      const result = await run(TOOL, ['lookup', ...attributes(place.entry)], '');
      if (result.code !== 0) {
        // It says nothing at all when there is no such entry.
        const missing = result.code === 1 && result.stderr.trim() === '';
        throw unavailable('read', missing ? 'it holds no such entry' : complaint(result));
      }
      return result.stdout.trimEnd();
    },
    async forget(place) {
      assertKind({ kind }, place);
      const result = await run(TOOL, ['clear', ...attributes(place.entry)], '');
      if (result.code !== 0 && result.stderr.trim() !== '') throw unavailable('clear', complaint(result));
    },
  };
}
