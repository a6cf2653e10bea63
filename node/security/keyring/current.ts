/** The keyring of the system this process runs on. */

import { darwinKeyring } from './darwin.ts';
import type { Keyring } from './keyring.ts';
import { runKeyringTool } from './keyring-tool.ts';
import { linuxKeyring } from './linux.ts';
import { win32Keyring } from './win32.ts';

/** Systems that are none of the three are asked the way Linux is: the Secret Service is the freedesktop's. */
export function currentKeyring(): Keyring {
  if (process.platform === 'darwin') return darwinKeyring(runKeyringTool);
  return process.platform === 'win32' ? win32Keyring(runKeyringTool) : linuxKeyring(runKeyringTool);
}
