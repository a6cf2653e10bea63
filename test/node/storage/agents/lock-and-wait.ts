/** A daemon's stand-in for the lock tests: locks the home of its environment, says so, and stays until killed. */

import { ensureHome, locateHome, lockHome } from '#node/storage/home.ts';

const home = locateHome();
ensureHome(home);
await lockHome(home);
process.stdout.write('locked\n');
setInterval(() => undefined, 60_000);
