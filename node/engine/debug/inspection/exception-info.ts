/** What is known of the exception a program stands at; runs none of its code. */

import type { Protocol } from 'devtools-protocol';
import type { CommandResult } from '#protocol/catalogue/catalogue.ts';
import { SandboxError } from '#shared/errors.ts';
import { thrownIn } from '../stops/stop-reasons.ts';
import { fetchChild } from './tool-calls.ts';
import { describeRemote } from './variables.ts';
import type { VirtualSession } from './virtual-session.ts';

type ExceptionInfo = CommandResult<'inspect.exception'>['exception'];
type RemoteObject = Protocol.Runtime.RemoteObject;

const MAX_STACK_LENGTH = 20_000;
/** Errors behind an error that are told: its cause, the cause's cause, what an AggregateError gathers. */
const MAX_INNER = 8;

/** @throws {SandboxError} NOT_PAUSED when it stands at none */
export async function exceptionInfo(session: VirtualSession): Promise<ExceptionInfo> {
  const stop = session.process.pausedAt;
  const thrown = stop?.pause.reason === 'exception' ? thrownIn(stop.event) : undefined;
  if (thrown === undefined) {
    throw new SandboxError('NOT_PAUSED', 'Cannot describe an exception: the program stands at none');
  }
  const { value, uncaught } = thrown;
  const { value: shown, type } = await describeRemote(session, '', value);
  const stack = stackOf(value);
  const whole = stack === undefined ? undefined : [stack, ...(await innerStacks(session, value))].join('\n');
  return {
    type: isError(value) ? (value.className ?? type) : type,
    message: shown,
    uncaught,
    ...(whole === undefined ? {} : { stack: session.mask('', whole.slice(0, MAX_STACK_LENGTH)) }),
  };
}

function isError({ subtype }: RemoteObject): boolean {
  return subtype === 'error';
}

/** V8 made this text when the error was created. */
function stackOf(value: RemoteObject): string | undefined {
  return isError(value) ? value.description : undefined;
}

/** The stacks of the errors behind an error, each under a line that says how it came there; nearest first. */
async function innerStacks(session: VirtualSession, error: RemoteObject): Promise<string[]> {
  // Another language's debugger tells of the chain in the stack itself.
  if (session.process.adapter !== undefined) return [];
  const stacks: string[] = [];
  const seen = new Set([stackOf(error)]);
  const queue = [error];
  for (let at = queue.shift(); at !== undefined && stacks.length < MAX_INNER; at = queue.shift()) {
    const inner = [
      ...(await childrenOf(session, at, ['cause'])).map((value) => ({ value, how: 'Caused by' })),
      ...(await gathered(session, at)).map((value, i) => ({ value, how: `Gathered error ${i + 1}` })),
    ];
    for (const { value, how } of inner) {
      const stack = stackOf(value);
      // Causes may go round in a circle.
      if (stack === undefined || seen.has(stack)) continue;
      seen.add(stack);
      stacks.push(`${how}: ${stack}`);
      queue.push(value);
    }
  }
  return stacks.slice(0, MAX_INNER);
}

/** What an AggregateError holds. */
async function gathered(session: VirtualSession, error: RemoteObject): Promise<RemoteObject[]> {
  if (error.className !== 'AggregateError') return [];
  const [errors] = await childrenOf(session, error, ['errors']);
  if (errors?.subtype !== 'array') return [];
  const names = Array.from({ length: MAX_INNER }, (_, i) => String(i));
  return childrenOf(session, errors, names);
}

async function childrenOf(session: VirtualSession, value: RemoteObject, names: string[]): Promise<RemoteObject[]> {
  const { objectId } = value;
  if (objectId === undefined) return [];
  const found = await Promise.all(names.map((name) => fetchChild(session, objectId, { by: 'name', name })));
  return found.filter(({ type }) => type !== 'undefined');
}
