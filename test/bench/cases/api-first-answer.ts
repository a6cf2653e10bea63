/** From the daemon's first instruction to the first request that its local API answers. */

import path from 'node:path';
import type { BenchCase } from '../bench-case.ts';
import { freePort } from '../free-port.ts';
import { median } from '../statistics.ts';

export const benchCase: BenchCase = {
  name: 'api-first-answer',
  title: 'start of a daemon to the first request that its local API answers, a used home, median',
  unit: 'ms',
  better: 'lower',
  goal: 900,
  goalOf: 'ours',
  async run(context) {
    const home = context.home();
    home.ask(['open'], { cwd: context.folder });
    home.stopDaemon();
    const samples: number[] = [];
    for (let round = 0; round < context.rounds(9); round++) {
      const port = await freePort();
      const started = performance.now();
      const daemon = context.program(process.execPath, [path.join(context.root, '.dist/daemon.cjs')], {
        env: { ...home.env, SANDMESH_API_PORT: String(port) },
      });
      while (!(await answers(port))) {
        if (performance.now() - started > 20_000) throw new Error(`The daemon does not answer:\n${daemon.output}`);
      }
      samples.push(performance.now() - started);
      home.stopDaemon();
      await daemon.exited();
    }
    return { ours: median(samples), peers: {} };
  },
};

async function answers(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/healthz`)).ok;
  } catch {
    // Not yet; asking more often than every millisecond would take its processor.
    await new Promise((resolve) => setTimeout(resolve, 1));
    return false;
  }
}
