/**
 * Loaded into every test file's process by the runner, after tsx: gives it a temporary folder of its own, and on SIGUSR2
 * names what keeps the process alive, so that a file that does not end says why.
 */

import { FOLDER } from './environment.ts';

process.env['TMPDIR'] = process.env[FOLDER];

process.on('SIGUSR2', () => {
  const counts = new Map<string, number>();
  for (const name of process.getActiveResourcesInfo()) counts.set(name, (counts.get(name) ?? 0) + 1);
  const list = [...counts].map(([name, count]) => `${count} ${name}`).join(', ');
  process.stderr.write(`still open: ${list === '' ? 'nothing that Node lists' : list}\n`);
});
