/** Handlers of `target.list`, `target.detach`, `output.read` and `hits.read`. */

import type { Handler } from '../../../pipeline/context.ts';
import { requestedTarget } from './requested-target.ts';

const DEFAULT_LINES = 200;

const list: Handler<'target.list'> = async (_args, context) => {
  const { engine } = context.sandbox;
  const targets = engine.targets().map((target) => ({
    ...target,
    pause: engine.pauseOf(target.id) ?? null,
    lease: engine.leaseOf(target.id) ?? null,
    metrics: engine.metricsOf(target.id) ?? null,
  }));
  return { targets };
};

const detach: Handler<'target.detach'> = async (args, context) => {
  const hosted = requestedTarget(args.target, context);
  await hosted.detach();
  return { detached: hosted.view.id };
};

const readOutput: Handler<'output.read'> = async (args, context) => {
  const lines = requestedTarget(args.target, context).output.read(args.after, args.limit ?? DEFAULT_LINES);
  return context.sandbox.engine.shownTo(context.caller.member, { topic: 'output', event: { lines } });
};

const readHits: Handler<'hits.read'> = async (args, context) => {
  const hits = requestedTarget(args.target, context).hits.read(args.after, args.limit ?? DEFAULT_LINES);
  return context.sandbox.engine.shownTo(context.caller.member, { topic: 'hits', event: { hits } });
};

export const targetHandlers = {
  'target.list': list,
  'target.detach': detach,
  'output.read': readOutput,
  'hits.read': readHits,
};
