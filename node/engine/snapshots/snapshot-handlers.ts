/** Handlers of `snapshot.*`: a snapshot is browsed as a pause is, with handles that stay good. */

import { SandboxError } from '#shared/errors.ts';
import type { Variable } from '#shared/model/pause.ts';
import type { KeptNode, KeptScope, SnapshotContent } from '#shared/model/snapshot.ts';
import type { CallContext, Handler } from '../../pipeline/context.ts';
import type { OpenSandbox } from '../../sandbox/open-sandbox.ts';
import { requestedTarget } from '../debug/targets/requested-target.ts';
import type { Snapshots } from './snapshots.ts';

interface WithSnapshots extends OpenSandbox {
  readonly snapshots: Snapshots;
}

const DEFAULT_PAGE = 100;

const take: Handler<'snapshot.take', WithSnapshots> = (args, context) => {
  const { view } = requestedTarget(args.target, context);
  return context.sandbox.snapshots.take(view.id, context.caller.member, args.label);
};

const list: Handler<'snapshot.list', WithSnapshots> = async ({ target }, { sandbox }) => ({
  snapshots: sandbox.snapshots.list(target),
});

const show: Handler<'snapshot.show', WithSnapshots> = async ({ snapshot: id, frame = 0 }, context) => {
  const { snapshot, content } = await opened(context, id);
  if (frame >= content.pause.frames.length && frame > 0) {
    const problem = `Cannot look into frame ${frame}: the snapshot has ${content.pause.frames.length}`;
    throw new SandboxError('BAD_ARGUMENT', problem, { hint: 'Frames are counted from 0, the innermost.' });
  }
  const excerpt = content.excerpts[String(frame)];
  return {
    snapshot,
    pause: content.pause,
    scopes: (content.scopes[frame] ?? []).map((scope) => shownScope(scope, content)),
    ...(excerpt === undefined ? {} : { excerpt }),
  };
};

const variables: Handler<'snapshot.variables', WithSnapshots> = async (args, context) => {
  const { content } = await opened(context, args.snapshot);
  const match = /^n(\d{1,6})$/.exec(args.handle);
  const node = match === null ? undefined : content.nodes[Number(match[1])];
  if (node === undefined) {
    throw new SandboxError('HANDLE_STALE', `Cannot open "${args.handle}": the snapshot holds no such value`, {
      hint: 'Handles are those that "snapshot.show" gave for the same snapshot.',
    });
  }
  const { start = 0, count = DEFAULT_PAGE } = args;
  return {
    variables: shownVariables(node).slice(start, start + count),
    total: node.total,
    kept: node.variables.length,
  };
};

const remove: Handler<'snapshot.remove', WithSnapshots> = async ({ snapshot }, { sandbox }) => {
  await sandbox.snapshots.remove(snapshot);
  return { removed: snapshot };
};

export const snapshotHandlers = {
  'snapshot.take': take,
  'snapshot.list': list,
  'snapshot.show': show,
  'snapshot.variables': variables,
  'snapshot.remove': remove,
};

function opened(context: CallContext<WithSnapshots>, id: Parameters<Snapshots['open']>[0]) {
  return context.sandbox.snapshots.open(id);
}

function shownScope({ node: at, ...scope }: KeptScope, { nodes }: SnapshotContent) {
  const node = at === undefined ? undefined : nodes[at];
  if (node === undefined) return { ...scope, handle: '', variables: [], truncated: true };
  return {
    ...scope,
    handle: handleOf(at as number),
    variables: shownVariables(node),
    truncated: node.total > node.variables.length,
  };
}

function shownVariables({ variables: kept }: KeptNode): Variable[] {
  return kept.map(({ node, ...variable }) => (node === undefined ? variable : { ...variable, handle: handleOf(node) }));
}

function handleOf(node: number): string {
  return `n${node}`;
}
