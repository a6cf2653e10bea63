/** Handlers of `cdp.*` at a target's host; each call under the right of the command that carried it. */

import type { CommandArgs } from '#protocol/catalogue/catalogue.ts';
import type { CallContext, Handler } from '../../../pipeline/context.ts';
import { requestedTarget } from '../targets/requested-target.ts';
import type { CdpClientSession } from './client-session.ts';
import { locate, placesOf } from './locate.ts';

type CarryingCommand = 'cdp.look' | 'cdp.evaluate' | 'cdp.set';

const open: Handler<'cdp.open'> = async ({ target }, context) => {
  const hosted = requestedTarget(target, context);
  const { id } = hosted.clients.openDevTools(context.caller.member);
  const { name, pid, entry } = hosted.view;
  return { session: id, title: `${name} (pid ${pid})`, url: entry === undefined ? '' : `file:///${entry}` };
};

const close: Handler<'cdp.close'> = async ({ target, session }, context) => {
  const hosted = requestedTarget(target, context);
  const { id } = hosted.clients.devTools.get(session, context.caller.member);
  hosted.clients.devTools.close(id, 'its client has left');
  hosted.clients.close(id);
  return { closed: session };
};

const carry =
  (command: CarryingCommand): Handler<CarryingCommand> =>
  async (args, context) => {
    const options = { readOnly: context.readOnly === true, signal: context.signal };
    const session = sessionOf(args, context);
    try {
      const result = await session.answer(command, args.method, args.params, options);
      return { result: result as Record<string, unknown> };
    } finally {
      if (command !== 'cdp.look' && !options.readOnly) tellValues(args, context);
    }
  };

/** What a person types in DevTools' console has its group; the rest it evaluates by itself. */
function tellValues({ target, params }: CommandArgs<CarryingCommand>, context: CallContext): void {
  if (params['throwOnSideEffect'] === true) return;
  const typed = params['objectGroup'] === 'console' || params['newValue'] !== undefined;
  context.sandbox.engine.tellValues(target, context.caller.member, typed);
}

const find: Handler<'cdp.locate'> = async (args, context) => {
  const session = sessionOf(args, context);
  if (args.breakpoint !== undefined) return placesOf(session, args.breakpoint);
  return locate(session, args.method, args.params, context.sandbox.names);
};

export const cdpHandlers = {
  'cdp.open': open,
  'cdp.close': close,
  'cdp.look': carry('cdp.look'),
  'cdp.locate': find,
  'cdp.evaluate': carry('cdp.evaluate'),
  'cdp.set': carry('cdp.set'),
};

function sessionOf(
  { target, session }: { target: Parameters<typeof requestedTarget>[0]; session: string },
  context: CallContext,
): CdpClientSession {
  return requestedTarget(target, context).clients.devTools.get(session, context.caller.member);
}
