/** Sets a variable, or what an object has under a name. */

import { SandboxError } from '#shared/errors.ts';
import type { Variable } from '#shared/model/pause.ts';
import { expressionProblem } from '../breakpoints/condition.ts';
import { isIdentifier } from '../syntax.ts';
import { setByAdapter } from './adapter-evaluation.ts';
import { evaluateBoxed, failed, unboxed } from './evaluation.ts';
import type { HeldValue } from './handles.ts';
import { putAside } from './put-aside.ts';
import { callFrameOf, callTool } from './tool-calls.ts';
import { objectIdOf, pathBelow, pathOf, readPage } from './variables.ts';
import type { VirtualSession } from './virtual-session.ts';

const SETTABLE_SCOPES = new Set(['local', 'block', 'closure', 'catch', 'script', 'eval', 'module', 'with']);

export interface VariableChange {
  readonly frame: number;
  readonly name: string;
  /** Handle of the scope or value whose `name` is meant. */
  readonly within?: string | undefined;
  readonly expression: string;
}

/**
 * Sets a variable, or what a path such as `cart.items[0].price` names, to an expression's value.
 *
 * @throws {SandboxError} NOT_PAUSED, BAD_ARGUMENT for a name no scope of the frame has, EVALUATION_FAILED
 */
export async function setVariable(session: VirtualSession, options: VariableChange): Promise<Variable> {
  const { adapter } = session.process;
  if (adapter !== undefined) return setByAdapter(session, options, adapter);
  const { frame, name, expression } = options;
  const within = options.within === undefined ? undefined : session.handles.get(options.within);
  if (within !== undefined && within.scope === undefined) return assignWithin(session, within, options);
  if (!isIdentifier(name)) return assign(session, options, plain(name));
  const { scopeNumber, isGlobal } = await scopeOf(session, options, within?.scope);
  // Its variables are properties of an object.
  if (isGlobal)
    return within === undefined ? assign(session, options, plain(name)) : assignWithin(session, within, options);
  const boxed = await evaluateBoxed(
    session,
    { frame, expression },
    within?.hidden?.has(name) === true ? undefined : name,
  );
  if (boxed.threw) throw failed(`Cannot set "${name}"`, boxed.result.value);
  const newValue = await unboxed(session, boxed);
  const { callFrameId } = callFrameOf(session, frame);
  await session.call('Debugger.setVariableValue', { scopeNumber, variableName: name, newValue, callFrameId });
  return { ...boxed.result, name };
}

/**
 * The nearest scope of a frame that has a variable.
 *
 * @param only number of the one that is meant
 * @throws {SandboxError} NOT_PAUSED, BAD_ARGUMENT
 */
async function scopeOf(
  session: VirtualSession,
  { frame, name }: VariableChange,
  only: number | undefined,
): Promise<{ scopeNumber: number; isGlobal: boolean }> {
  for (const [scopeNumber, { type, object }] of callFrameOf(session, frame).scopeChain.entries()) {
    const { objectId } = object;
    if (only !== undefined && only !== scopeNumber) continue;
    const isGlobal = type === 'global';
    if ((!isGlobal && !SETTABLE_SCOPES.has(type)) || objectId === undefined) continue;
    if ((await callTool(session, objectId, 'has', name)) === true) return { scopeNumber, isGlobal };
  }
  throw new SandboxError(
    'BAD_ARGUMENT',
    `Cannot set "${name}": no scope of frame ${frame} has a variable of that name`,
    {
      hint: 'See what it has with "sandmesh scopes".',
    },
  );
}

/**
 * In the object itself: the way to it may lead to another by now, or run code again.
 *
 * @throws {SandboxError} BAD_ARGUMENT for what goes by no name: an entry of a map, a symbol, a private field
 */
async function assignWithin(session: VirtualSession, parent: HeldValue, options: VariableChange): Promise<Variable> {
  const { frame, name } = options;
  const beside = callFrameOf(session, frame).scopeChain[0]?.object.objectId;
  const objectId = await objectIdOf(session, parent);
  if (!(await hasNamed(session, parent, name))) {
    throw new SandboxError('BAD_ARGUMENT', `Cannot set "${name}": no plain expression names it`, {
      hint: 'Evaluate an assignment instead.',
    });
  }
  const aside = await putAside(session.process, beside, [{ objectId }]);
  try {
    const path = pathOf(parent);
    const code = `${aside.expression}[0][${JSON.stringify(name)}]`;
    return await assign(session, options, { code, path: path === undefined ? undefined : pathBelow(path, name) });
  } finally {
    aside.takeBack();
  }
}

async function hasNamed(session: VirtualSession, parent: HeldValue, name: string): Promise<boolean> {
  if ((await callTool(session, await objectIdOf(session, parent), 'has', name)) === true) return true;
  if (!/^\d{1,10}$/.test(name)) return false;
  // A hole of an array.
  const { items } = await readPage(session, parent, Number(name), 1, 'indexed');
  return items[0]?.ref.by === 'name';
}

interface Place {
  /** What is assigned to. */
  readonly code: string;
  /** Gives the value afterwards; undefined: nothing plain does. */
  readonly path: string | undefined;
}

function plain(path: string): Place {
  return { code: path, path };
}

async function assign(
  session: VirtualSession,
  { frame, name, expression }: VariableChange,
  { code, path }: Place,
): Promise<Variable> {
  for (const part of [code, expression]) {
    const problem = expressionProblem(part);
    if (problem !== undefined) throw new SandboxError('BAD_ARGUMENT', `Cannot set "${name}": ${problem}`);
  }
  // Code that is not strict does not say when nothing was set: a frozen object, a getter alone.
  const text = `(($sandmesh) => { 'use strict'; return ${code}\n= $sandmesh; })((${expression}\n))`;
  const boxed = await evaluateBoxed(session, { frame, expression: text }, path);
  if (boxed.threw) throw failed(`Cannot set "${name}"`, boxed.result.value);
  return { ...boxed.result, name };
}
