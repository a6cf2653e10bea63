/**
 * `Runtime.getProperties`. Whoever may evaluate gets V8's own answer; whoever may not, what the inspection tool makes
 * of the object: masked, bounded, no getter behind it. Previews are always the tool's: V8's have no bound (3.9 s for a
 * Map of a million).
 */

import type { Protocol } from 'devtools-protocol';
import type { HeldValue } from '../inspection/handles.ts';
import { callTool } from '../inspection/tool-calls.ts';
import { holderOf, isInternal, objectIdOf, readPage, tellingName } from '../inspection/variables.ts';
import type { ChildItem, PreviewNode } from '../inspection-tool/answers.ts';
import type { Call, CdpClientSession, Params } from './client-session.ts';
import type { ShownObject } from './object-table.ts';
import { objectPreview, remoteObject } from './remote-objects.ts';

type RemoteObject = Protocol.Runtime.RemoteObject;
type Answer = Protocol.Runtime.GetPropertiesResponse;

const MAX_PROPERTIES = 1_000;
/** V8's internal properties that lead back into code and scopes: the stack shows those. */
const NOT_SHOWN: ReadonlySet<string> = new Set(['[[Prototype]]', '[[Scopes]]', '[[FunctionLocation]]']);

export const getProperties: Call = async (session, params) => {
  const shown = session.objects.get(params['objectId']);
  const objectId = await objectIdOf(session.view, shown.value);
  return session.seesAll ? fromV8(session, shown, objectId, params) : fromTool(session, shown, objectId, params);
};

async function fromV8(
  session: CdpClientSession,
  shown: ShownObject,
  objectId: string,
  params: Params,
): Promise<object> {
  const flags = ['ownProperties', 'accessorPropertiesOnly', 'nonIndexedPropertiesOnly'] as const;
  const asked = Object.fromEntries(flags.filter((flag) => params[flag] === true).map((flag) => [flag, true]));
  const told = await session.process.cdp.send('Runtime.getProperties', { objectId, ...asked });
  const answer = session.shown(told, shown.group);
  const wantsPreviews = params['generatePreview'] === true && answer.result.some(({ value }) => needsPreview(value));
  if (!wantsPreviews) return answer;
  const { items } = await readPage(session.view, shown.value, 0, MAX_PROPERTIES);
  const nodes = new Map(items.map(({ name, node }) => [name, node]));
  return { ...answer, result: answer.result.map((property) => withPreview(property, nodes.get(property.name))) };
}

function needsPreview(value: RemoteObject | undefined): boolean {
  return value?.type === 'object' && value.objectId !== undefined;
}

function withPreview(
  property: Protocol.Runtime.PropertyDescriptor,
  node: PreviewNode | undefined,
): Protocol.Runtime.PropertyDescriptor {
  const { value, name } = property;
  if (value === undefined || node?.e === undefined || !needsPreview(value)) return property;
  return { ...property, value: { ...value, preview: objectPreview(node, name, (_name, text) => text) } };
}

async function fromTool(
  session: CdpClientSession,
  shown: ShownObject,
  objectId: string,
  params: Params,
): Promise<Answer> {
  if (params['accessorPropertiesOnly'] === true) return { result: [] };
  const page = await readPage(session.view, shown.value, 0, MAX_PROPERTIES);
  const describe = (item: ChildItem, name: string): RemoteObject => {
    const held: HeldValue = { objectId: undefined, parent: shown.value, ref: item.ref, name };
    return remoteObject(item.node, name, session.view.mask, () => session.objects.add(held, shown.group));
  };
  const internal = page.items.filter(isHidden).map((item) => ({ name: item.name, value: describe(item, '') }));
  const hidden = page.hidden ? await readHidden(session, shown, objectId) : { internal: [], fields: [] };
  return {
    result: page.items
      .filter((item) => !isHidden(item))
      .map((item) => descriptor(item, describe(item, tellingName(holderOf(shown.value), item, page.items)))),
    internalProperties: [...internal, ...hidden.internal],
    ...(hidden.fields.length === 0 ? {} : { privateProperties: hidden.fields }),
  };
}

function isHidden({ kind }: ChildItem): boolean {
  return kind === 'internal';
}

function descriptor({ name, kind, writable }: ChildItem, value: RemoteObject): Protocol.Runtime.PropertyDescriptor {
  const common = { name, configurable: false, enumerable: true, isOwn: true };
  if (kind !== 'accessor') return { ...common, writable, value };
  // Something to show that it is one; nothing to run it with.
  return { ...common, get: { type: 'function', className: 'Function', description: 'function () {}' } };
}

/** What only V8 sees: private fields, a promise's state, a proxy's target. */
async function readHidden(session: CdpClientSession, shown: ShownObject, objectId: string) {
  const asked = { objectId, ownProperties: true, nonIndexedPropertiesOnly: true };
  const told = await session.process.cdp.send('Runtime.getProperties', asked);
  const show = async (name: string, value: RemoteObject): Promise<{ name: string; value: RemoteObject }> => {
    const telling = isInternal(name) ? shown.value.name : name;
    if (value.objectId === undefined) {
      return { name, value: session.shown({ name: telling, value }, shown.group).value };
    }
    const node = JSON.parse(String(await callTool(session.view, value.objectId, 'preview'))) as PreviewNode;
    const ids = session.ids(shown.group);
    const id = () => ids.object(value.objectId ?? '', telling);
    return { name, value: remoteObject(node, telling, session.view.mask, id) };
  };
  const all = (list: readonly { name: string; value?: RemoteObject }[]) =>
    Promise.all(
      list.flatMap(({ name, value }) => (value === undefined || NOT_SHOWN.has(name) ? [] : [show(name, value)])),
    );
  return { internal: await all(told.internalProperties ?? []), fields: await all(told.privateProperties ?? []) };
}
