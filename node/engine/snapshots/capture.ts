/**
 * Reads what the scopes of a stopped program reach, in one call that is bounded in the program itself, so that it
 * stands no longer than that call takes.
 */

import type { Protocol } from 'devtools-protocol';
import { SandboxError } from '#shared/errors.ts';
import type { KeptNode, KeptScope, KeptVariable } from '#shared/model/snapshot.ts';
import type { CapturedGraph, CapturedItem, CaptureLimits } from '../debug/inspection-tool/answers.ts';
import { CAPTURE_FUNCTION } from '../debug/inspection-tool/functions.ts';
import { type Mask, renderPreview, typeOf } from '../debug/preview.ts';
import type { CallFrames } from '../debug/stops/glance.ts';
import type { TargetSession } from '../debug/target-session.ts';

/** What people look at: 300 objects four deep take a millisecond or two. */
export const GLANCE_LIMITS: CaptureLimits = { nodes: 300, items: 50, depth: 4, chars: 400_000, ms: 4 };
/** The program stands anyway; who resumes it meanwhile waits for no longer than that. */
export const PAUSE_LIMITS: CaptureLimits = { ...GLANCE_LIMITS, ms: 10 };
/** Of a breakpoint that goes on: the program is to stand for a millisecond with everything. */
export const HIT_LIMITS: CaptureLimits = { nodes: 120, items: 20, depth: 3, chars: 100_000, ms: 0.3 };
/** The innermost frames of the program's own; a whole stack would spend the budget on callers nobody opens. */
const CAPTURED_FRAMES = 8;
/** The global scope is large and the same everywhere. */
const LEFT_OUT: ReadonlySet<string> = new Set(['global']);

export interface Captured {
  /** By frame index; frames that were not looked into have none. */
  readonly scopes: KeptScope[][];
  readonly nodes: KeptNode[];
  readonly cut: boolean;
}

interface Root {
  readonly frame: number;
  readonly scope: Protocol.Debugger.Scope;
}

/**
 * The call leaves before this returns: what is sent afterwards reaches the program when it was answered.
 *
 * @param tool object id of the inspection tool, installed before
 * @returns a function that renders what came, masked; it may be called when the program has run on
 */
export async function capture(
  session: Pick<TargetSession, 'cdp' | 'isSkipped'>,
  tool: string,
  callFrames: CallFrames,
  limits: CaptureLimits,
): Promise<(mask: Mask) => Captured> {
  const roots = rootsOf(session, callFrames);
  const { result, exceptionDetails } = await session.cdp.send('Runtime.callFunctionOn', {
    objectId: tool,
    functionDeclaration: CAPTURE_FUNCTION,
    arguments: [{ value: limits }, ...roots.map(({ scope }) => ({ objectId: scope.object.objectId as string }))],
    returnByValue: true,
    silent: true,
  });
  if (exceptionDetails !== undefined) {
    throw new SandboxError('EVALUATION_FAILED', `Cannot read the scopes: ${exceptionDetails.text}`);
  }
  const graph = JSON.parse(String(result.value)) as CapturedGraph;
  return (mask) => render(roots, graph, callFrames, mask);
}

function rootsOf(session: Pick<TargetSession, 'isSkipped'>, callFrames: CallFrames): Root[] {
  const own = [...callFrames.entries()].filter(([, frame]) => !session.isSkipped(frame));
  const roots = own.slice(0, CAPTURED_FRAMES).flatMap(([frame, { scopeChain }]) => {
    const read = scopeChain.filter(({ type, object }) => !LEFT_OUT.has(type) && object.objectId !== undefined);
    return read.map((scope): Root => ({ frame, scope }));
  });
  // A limit of nodes leaves no room for what the scopes hold otherwise.
  return roots.slice(0, GLANCE_LIMITS.nodes / 4);
}

function render(roots: readonly Root[], graph: CapturedGraph, callFrames: CallFrames, mask: Mask): Captured {
  const frames = (roots.at(-1)?.frame ?? -1) + 1;
  const scopes: KeptScope[][] = callFrames
    .slice(0, frames)
    .map(({ scopeChain }) => scopeChain.slice(0, 50).map(({ type, name }) => describeScope(type, name)));
  for (const [position, { frame, scope }] of roots.entries()) {
    const index = callFrames[frame]?.scopeChain.indexOf(scope) ?? -1;
    const shown = scopes[frame]?.[index];
    if (shown !== undefined && graph.nodes[position] !== null) shown.node = position;
  }
  // Elements carry no telling name: the one of what holds them decides about masking.
  const names: (string | undefined)[] = roots.map(() => '');
  const nodes = graph.nodes.map((node, position): KeptNode => {
    if (node === null) return { total: 0, variables: [] };
    const variables = node.items.map((item) => {
      const maskedBy = item.kind === 'index' ? (names[position] ?? '') : item.name;
      if (item.at !== undefined) names[item.at] ??= maskedBy;
      return renderItem(item, maskedBy, mask, graph);
    });
    return { total: node.total, variables };
  });
  return { scopes, nodes, cut: graph.cut };
}

function describeScope(type: string, name: string | undefined): KeptScope {
  return { type, ...(name === undefined ? {} : { name: name.slice(0, 200) }) };
}

function renderItem(item: CapturedItem, maskedBy: string, mask: Mask, graph: CapturedGraph): KeptVariable {
  const { name, kind, writable, node, at } = item;
  const isKept = at !== undefined && graph.nodes[at] !== null && graph.nodes[at] !== undefined;
  return {
    name,
    value: renderPreview(node, maskedBy, mask),
    type: typeOf(node),
    kind,
    writable,
    ...(node.s === undefined ? {} : { size: node.s }),
    ...(isKept ? { node: at } : {}),
  };
}
