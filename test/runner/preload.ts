/**
 * Loaded into every test file's process by the runner: on SIGUSR2 it names what keeps the process alive, so that a
 * file that does not end says why.
 */

process.on('SIGUSR2', () => {
  const counts = new Map<string, number>();
  for (const name of process.getActiveResourcesInfo()) counts.set(name, (counts.get(name) ?? 0) + 1);
  const list = [...counts].map(([name, count]) => `${count} ${name}`).join(', ');
  process.stderr.write(`still open: ${list === '' ? 'nothing that Node lists' : list}\n`);
});
