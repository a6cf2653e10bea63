/** What is known of the exception a program stands at; runs none of its code. */

import type { CommandResult } from '#protocol/catalogue/catalogue.ts';
import { SandboxError } from '#shared/errors.ts';
import { thrownIn } from '../stops/stop-reasons.ts';
import { describeRemote } from './variables.ts';
import type { VirtualSession } from './virtual-session.ts';

type ExceptionInfo = CommandResult<'inspect.exception'>['exception'];

const MAX_STACK_LENGTH = 20_000;

/** @throws {SandboxError} NOT_PAUSED when it stands at none */
export async function exceptionInfo(session: VirtualSession): Promise<ExceptionInfo> {
  const stop = session.process.pausedAt;
  const thrown = stop?.pause.reason === 'exception' ? thrownIn(stop.event) : undefined;
  if (thrown === undefined) {
    throw new SandboxError('NOT_PAUSED', 'Cannot describe an exception: the program stands at none');
  }
  const { value, uncaught } = thrown;
  const { value: shown, type } = await describeRemote(session, '', value);
  const isError = value.subtype === 'error';
  // V8 made this text when the error was created.
  const stack = isError ? value.description?.slice(0, MAX_STACK_LENGTH) : undefined;
  return {
    type: isError ? (value.className ?? type) : type,
    message: shown,
    uncaught,
    ...(stack === undefined ? {} : { stack: session.mask('', stack) }),
  };
}
