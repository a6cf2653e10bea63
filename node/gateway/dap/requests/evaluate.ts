/** Expressions: looked up where no code need run, evaluated where it must; and what could be typed next. */

import { z } from 'zod';
import type { CommandResult } from '#protocol/catalogue/catalogue.ts';
import { SandboxError } from '#shared/errors.ts';
import { withConsentNotice } from '../consent-notice.ts';
import { type DapCall, type RequestTable, request } from '../dap-request.ts';
import type { DapSession } from '../dap-session.ts';
import { shownVariable } from '../shown-variable.ts';

const evaluateArgs = z.object({
  expression: z.string().max(20_000),
  frameId: z.number().int().optional(),
  context: z.string().max(40).optional(),
});

type Evaluated = CommandResult<'inspect.evaluate'>;

const evaluate = request(evaluateArgs, async (session, { expression, frameId, context = 'repl' }, call) => {
  const frame = frameId === undefined ? undefined : session.frames.get(frameId);
  if (expression.trim() === '') return { result: '', variablesReference: 0 };
  const reached = frame ?? (session.stops.current === undefined ? undefined : 0);
  const { result, threw } = await evaluated(session, { expression, frame, context }, call);
  // A hover or a watch that throws is shown as failed, not as a value.
  if (threw && context !== 'repl') throw new SandboxError('EVALUATION_FAILED', result.value);
  if (context === 'clipboard') return { result: await wholeText(session, result, call), variablesReference: 0 };
  const { name: _name, value, evaluateName: _path, ...shown } = shownVariable(session, result, reached);
  return { result: threw ? `Uncaught ${value}` : value, ...shown };
});

interface Question {
  readonly expression: string;
  readonly frame: number | undefined;
  readonly context: string;
}

/** A plain path is looked up, for which nobody is asked; whatever else is code, and asked for where it needs a word. */
async function evaluated(
  session: DapSession,
  { expression, frame, context }: Question,
  call: DapCall,
): Promise<Evaluated> {
  const { target } = session;
  const at = frame === undefined ? {} : { frame };
  if (context !== 'repl' && session.stops.current !== undefined) {
    const { result } = await session.run(
      'inspect.lookup',
      { target, ...at, path: expression },
      { signal: call.signal },
    );
    if (result !== null) return { result, threw: false };
  }
  const readOnly = context === 'hover' ? { readOnly: true } : {};
  const repeated = context === 'repl' ? {} : { repeated: true };
  const args = { target, ...at, expression, ...readOnly, ...repeated };
  return withConsentNotice(session, call, { what: 'evaluating', isTyped: context === 'repl' }, () =>
    session.run('inspect.evaluate', args, { signal: call.signal }),
  );
}

/** @returns all of it, within bounds, where the preview is cut */
async function wholeText(
  session: DapSession,
  { handle, value }: Evaluated['result'],
  { signal }: DapCall,
): Promise<string> {
  if (handle === undefined) return value;
  return (await session.run('inspect.copy', { target: session.target, handle }, { signal })).text;
}

const completionsArgs = z.object({
  frameId: z.number().int().optional(),
  text: z.string().max(20_000),
  /** Where the caret is, counted as the client counts. */
  column: z.number().int(),
  line: z.number().int().optional(),
});

const completions = request(completionsArgs, async (session, { frameId, text, column, line }, { signal }) => {
  const { client, target } = session;
  const frame = frameId === undefined ? {} : { frame: session.frames.get(frameId) };
  const row = line === undefined ? 0 : client.fromLine(line) - 1;
  const typed = (text.split('\n')[row] ?? '').slice(0, Math.max(0, client.fromColumn(column) - 1));
  const { names, replaced } = await session.run('inspect.completions', { target, ...frame, text: typed }, { signal });
  const start = typed.length - replaced;
  return {
    targets: names.map(({ name, type }) => ({
      label: name,
      type: type === 'function' ? 'function' : 'property',
      start: client.column(start + 1),
      length: replaced,
    })),
  };
});

export const evaluateRequests: RequestTable = { evaluate, completions };
