/** Handlers of `inspect.*`: stack, scopes, values, evaluation; each client through its own virtual session. */

import type { TargetId } from '#shared/ids.ts';
import type { CallContext, Handler } from '../../../pipeline/context.ts';
import { requestedTarget } from '../targets/requested-target.ts';
import { copiedText } from './copied-text.ts';
import { evaluate } from './evaluation.ts';
import { exceptionInfo } from './exception-info.ts';
import { completionsOf, lookUp } from './lookup.ts';
import { setVariable } from './variable-change.ts';
import { readScopes, readVariables, readWhole } from './variables.ts';
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
  readVariables(clientOf(args.target, context), args.handle, args);

const evaluateExpression: Handler<'inspect.evaluate'> = async (args, context) => {
  const { target, expression, frame, timeoutMs } = args;
  const readOnly = context.readOnly === true ? 'policy' : args.readOnly === true ? 'asked' : undefined;
  const work = (): ReturnType<typeof evaluate> =>
    evaluate(clientOf(target, context), { expression, frame, timeoutMs, readOnly });
  return readOnly === undefined ? changing(target, context, args.repeated !== true, work) : work();
};

const set: Handler<'inspect.set'> = async ({ target, frame = 0, name, within, expression }, context) => ({
  result: await changing(target, context, true, () =>
    setVariable(clientOf(target, context), { frame, name, within, expression }),
  ),
});

/** What fails may have changed something before it did. */
async function changing<T>(
  target: TargetId | undefined,
  context: CallContext,
  typed: boolean,
  work: () => Promise<T>,
): Promise<T> {
  const { view } = requestedTarget(target, context);
  try {
    return await work();
  } finally {
    context.sandbox.engine.tellValues(view.id, context.caller.member, typed);
  }
}

const lookup: Handler<'inspect.lookup'> = async ({ target, frame = 0, path }, context) => ({
  result: (await lookUp(clientOf(target, context), frame, path)) ?? null,
});

const completions: Handler<'inspect.completions'> = ({ target, frame = 0, text }, context) =>
  completionsOf(clientOf(target, context), frame, text);

const copy: Handler<'inspect.copy'> = async ({ target, handle }, context) => {
  const client = clientOf(target, context);
  const whole = await readWhole(client, handle);
  return { text: copiedText(whole, client.handles.get(handle).name, client.mask) };
};

const exception: Handler<'inspect.exception'> = async ({ target }, context) => ({
  exception: await exceptionInfo(clientOf(target, context)),
});

const calls: Handler<'inspect.calls'> = async ({ target }, context) => {
  const found = await requestedTarget(target, context).session.moves.calls();
  return { calls: found.map(({ label, line, column }) => ({ label, line, column })) };
};

export const inspectionHandlers = {
  'inspect.stack': stack,
  'inspect.scopes': scopes,
  'inspect.variables': variables,
  'inspect.evaluate': evaluateExpression,
  'inspect.set': set,
  'inspect.lookup': lookup,
  'inspect.completions': completions,
  'inspect.copy': copy,
  'inspect.exception': exception,
  'inspect.calls': calls,
};

function clientOf(target: TargetId | undefined, context: CallContext): VirtualSession {
  return requestedTarget(target, context).clients.session(context.caller.member, context.caller.session);
}
