/** Handlers of `inspect.*`: stack, scopes, values, evaluation; each client through its own virtual session. */

import type { TargetId } from '#shared/ids.ts';
import type { CallContext, Handler } from '../../pipeline/context.ts';
import { evaluate, setVariable } from './evaluation.ts';
import { requestedTarget } from './requested-target.ts';
import { readScopes, readVariables } from './variables.ts';
import type { VirtualSession } from './virtual-session.ts';

const stack: Handler<'inspect.stack'> = async (args, context) => {
  const target = requestedTarget(args.target, context);
  const { pause, frames } = await target.session.stack();
  // As published: what an exception says was masked there.
  return { pause: { ...(target.pause ?? pause), frames } };
};

const scopes: Handler<'inspect.scopes'> = async (args, context) => ({
  scopes: await readScopes(clientOf(args.target, context), args.frame ?? 0),
});

const variables: Handler<'inspect.variables'> = (args, context) =>
  readVariables(clientOf(args.target, context), args.handle, args.start, args.count);

const evaluateExpression: Handler<'inspect.evaluate'> = ({ target, expression, frame, timeoutMs }, context) =>
  evaluate(clientOf(target, context), { expression, frame, timeoutMs, readOnly: context.readOnly === true });

const set: Handler<'inspect.set'> = async ({ target, frame = 0, name, expression }, context) => ({
  result: await setVariable(clientOf(target, context), { frame, name, expression }),
});

export const inspectionHandlers = {
  'inspect.stack': stack,
  'inspect.scopes': scopes,
  'inspect.variables': variables,
  'inspect.evaluate': evaluateExpression,
  'inspect.set': set,
};

function clientOf(target: TargetId | undefined, context: CallContext): VirtualSession {
  return requestedTarget(target, context).client(context.caller.member, context.caller.session);
}
