/**
 * Reads what the scopes of a stopped program reach, in one call that is bounded in the program itself, so that it
 * stands no longer than that call takes.
 */

import { SandboxError } from '#shared/errors.ts';
import type { KeptNode, KeptScope, KeptVariable } from '#shared/model/snapshot.ts';
import { type Looked, readingOf, type ScopePlace, scopesToRead } from '../../targets/prepared-looks.ts';
import { type Mask, renderPreview, typeOf } from '../debug/inspection/preview.ts';
import { tellingName } from '../debug/inspection/variables.ts';
import type { CapturedGraph, CapturedItem, CaptureLimits } from '../debug/inspection-tool/answers.ts';
import { CAPTURE_FUNCTION } from '../debug/inspection-tool/functions.ts';
import type { CallFrames } from '../debug/stops/glance.ts';
import type { TargetSession } from '../debug/targets/target-session.ts';

/** What people look at: 300 objects four deep take a millisecond or two. */
export const GLANCE_LIMITS: CaptureLimits = { nodes: 300, items: 50, depth: 4, chars: 400_000, ms: 4 };
/** The program stands anyway; who resumes it meanwhile waits for no longer than that. */
export const PAUSE_LIMITS: CaptureLimits = { ...GLANCE_LIMITS, ms: 10 };
/** Of a breakpoint that goes on: the program is to stand for a millisecond with everything. */
export const HIT_LIMITS: CaptureLimits = { nodes: 120, items: 20, depth: 3, chars: 100_000, ms: 0.3 };

export interface Captured {
  /** By frame index; frames that were not looked into have none. */
  readonly scopes: KeptScope[][];
  readonly nodes: KeptNode[];
  readonly cut: boolean;
}

/**
 * The call leaves before this returns: what is sent afterwards reaches the program when it was answered.
 *
 * @param tools object ids of the inspection tool, installed before: see {@link TargetSession.tools}
 * @returns a function that renders what came, masked; it may be called when the program has run on
 */
export async function capture(
  session: Pick<TargetSession, 'cdp' | 'isSkipped'>,
  [tool = '', ...others]: readonly string[],
  callFrames: CallFrames,
  limits: CaptureLimits,
): Promise<(mask: Mask) => Captured> {
  const places = scopesToRead(callFrames, (frame) => session.isSkipped(frame));
  const call = { objectId: tool, others, functionDeclaration: CAPTURE_FUNCTION, limits };
  const answer = await session.cdp.send('Runtime.callFunctionOn', readingOf(call, callFrames, places));
  return rendering(callFrames, places, answer.exceptionDetails?.text, answer.result.value);
}

/** The same of a stop that was read and is over. */
export function captureOf({ event, places, answer, problem }: Looked): (mask: Mask) => Captured {
  // Whether members may look into it has changed since.
  const why = answer === undefined ? (problem ?? 'they were not to be read') : undefined;
  return rendering(event.callFrames, places, why, answer);
}

function rendering(
  callFrames: CallFrames,
  places: readonly ScopePlace[],
  problem: string | undefined,
  answer: unknown,
): (mask: Mask) => Captured {
  if (problem !== undefined) throw new SandboxError('EVALUATION_FAILED', `Cannot read the scopes: ${problem}`);
  const graph = JSON.parse(String(answer)) as CapturedGraph;
  return (mask) => render(places, graph, callFrames, mask);
}

function render(places: readonly ScopePlace[], graph: CapturedGraph, callFrames: CallFrames, mask: Mask): Captured {
  const frames = (places.at(-1)?.[0] ?? -1) + 1;
  const scopes: KeptScope[][] = callFrames
    .slice(0, frames)
    .map(({ scopeChain }) => scopeChain.slice(0, 50).map(({ type, name }) => describeScope(type, name)));
  for (const [position, [frame, scope]] of places.entries()) {
    const shown = scopes[frame]?.[scope];
    if (shown !== undefined && graph.nodes[position] !== null) shown.node = position;
  }
  const entries = new Set<number>();
  const names: (string | undefined)[] = places.map(() => '');
  const nodes = graph.nodes.map((node, position): KeptNode => {
    if (node === null) return { total: 0, variables: [] };
    const variables = node.items.map((item) => {
      const holder = { name: names[position] ?? '', isEntry: entries.has(position) };
      const maskedBy = tellingName(holder, item, node.items);
      if (item.at !== undefined) names[item.at] ??= maskedBy;
      if (item.at !== undefined && item.node.c === 'Entry' && item.node.k === 'map') entries.add(item.at);
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
