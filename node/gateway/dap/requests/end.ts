/** `terminate` and `disconnect`: a program that was launched ends with its session, one attached to runs on. */

import { z } from 'zod';
import { SandboxError } from '#shared/errors.ts';
import { type RequestTable, request } from '../dap-request.ts';

const disconnectArgs = z.object({ terminateDebuggee: z.boolean().optional() });

const disconnect = request(disconnectArgs, async (session, { terminateDebuggee }, { signal }) => {
  // What it said of its breakpoints before.
  await session.breakpoints.settled();
  const { launched, targetOrNone: target } = session;
  const isLaunched = launched !== undefined;
  if (terminateDebuggee ?? isLaunched) {
    if (isLaunched) launched.terminate(false);
    else if (target !== undefined) await session.run('target.terminate', { target }, { signal });
  }
  // What was to happen to it is done: the end of the connection is no reason for more.
  session.launched = undefined;
  return undefined;
});

const terminate = request(z.object({}), async (session, _args, { signal }) => {
  const { launched, targetOrNone: target } = session;
  if (launched !== undefined) {
    if (!launched.terminate(false)) session.fail(outOfReach());
  } else if (target !== undefined) await session.run('target.terminate', { target }, { signal });
  else throw new SandboxError('TARGET_UNKNOWN', 'Cannot terminate: this debug session has no program');
  return undefined;
});

function outOfReach(): SandboxError {
  return new SandboxError('PROCESS_UNKNOWN', 'Cannot end what runs in the terminal: it is no program of sandmesh', {
    hint: 'End it there, with Ctrl-C.',
  });
}

export const endRequests: RequestTable = { disconnect, terminate };
