/** What logpoints and tracepoints promise a program, each checked where time passes only when it is told to. */

import { DAEMON_PROMISES } from './daemon-promises.ts';
import { type KeptPromise, RUNTIME_PROMISES } from './runtime-promises.ts';

export const PROMISES: readonly KeptPromise[] = [...RUNTIME_PROMISES, ...DAEMON_PROMISES];
