/** The real Secret Service on a session bus of its own: gnome-keyring-daemon, which secret-tool asks. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { commandMissing } from '#test/skip.ts';
import { withFolder } from '../../temporary-folder.ts';

export const KEYRING_OBSTACLE =
  commandMissing('dbus-run-session') ?? commandMissing('gnome-keyring-daemon') ?? commandMissing('secret-tool');

/**
 * Starts a session bus with an unlocked, empty keyring; this process reaches it by its environment until `body` ends.
 *
 * @param body gets a folder of its own and the address of the bus
 */
export async function withKeyring(body: (folder: string, address: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const data = join(folder, 'data');
    const run = join(folder, 'run');
    for (const path of [data, run]) await mkdir(path, { mode: 0o700 });
    // It has answered for the keyring when it goes into the background; it ends with its bus.
    const script =
      'printf pw | gnome-keyring-daemon --unlock --components=secrets --daemonize > /dev/null 2>&1; ' +
      'echo "$DBUS_SESSION_BUS_ADDRESS"; cat > /dev/null';
    const child = spawn('dbus-run-session', ['--', 'sh', '-c', script], {
      env: { ...process.env, HOME: folder, XDG_DATA_HOME: data, XDG_RUNTIME_DIR: run },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const ended = once(child, 'close');
    const before = process.env['DBUS_SESSION_BUS_ADDRESS'];
    try {
      const [address] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
      process.env['DBUS_SESSION_BUS_ADDRESS'] = address.trim();
      await body(folder, address.trim());
    } finally {
      if (before === undefined) delete process.env['DBUS_SESSION_BUS_ADDRESS'];
      else process.env['DBUS_SESSION_BUS_ADDRESS'] = before;
      child.stdin.end();
      await ended;
    }
  });
}
