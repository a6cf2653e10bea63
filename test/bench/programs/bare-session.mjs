// Preloaded into the program under measurement: an inspector session of a worker thread of its own, as the harness has
// one, that stops at the line of SESSION_LINE (from 0) and does nothing but go on.

import { Session } from 'node:inspector';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url), { execArgv: [] });
  await new Promise((resolve) => worker.once('message', resolve));
  worker.unref();
} else {
  // a session alone keeps no thread alive
  parentPort.on('message', () => undefined);
  const session = new Session();
  session.connectToMainThread();
  session.on('Debugger.paused', () => session.post('Debugger.resume'));
  session.post('Debugger.enable');
  const place = { urlRegex: 'target\\.mjs$', lineNumber: Number(process.env.SESSION_LINE) };
  session.post('Debugger.setBreakpointByUrl', place, () => parentPort.postMessage('armed'));
}
