/**
 * `run`: starts the program as a child with our own streams, so that nothing lies between it and its terminal, and
 * stays only to pass on its end and to keep the daemon up. Nothing here may read stdin or write stdout.
 */

import type { SandmeshClient, Scope } from '#client/sdk/client.ts';
import type { CommandInput } from '#protocol/catalogue/catalogue.ts';
import type { CommandHandler } from '../command-spec.ts';
import type { CliContext } from '../context.ts';
import type { Options } from '../options.ts';
import { linkText } from '../render/link.ts';
import { safeLine } from '../render/safe-text.ts';
import { runUnderAdapter } from '../run/adapter.ts';
import { announceEvents } from '../run/announce.ts';
import { type ProgramEnd, runProgram } from '../run/program.ts';
import { type OpenResult, openSandbox } from './open.ts';

/** The daemon notes the end by itself when this does not reach it. */
const FINISH_LIMIT_MS = 1_000;

export const run: CommandHandler = async ({ context, args, options }) => {
  const client = await context.connect({ keepUp: true });
  const opened = await openSandbox(context, options);
  const scope = { sandbox: opened.sandbox.id };
  const wait = waitOf(options);
  const prepared = await client.call('target.launch', launchInput(context, args, options), scope);
  const { launch } = prepared;
  await tellLink(context, opened);
  if (wait !== undefined) tellWait(context, wait);

  const stopAnnouncing = announceEvents(client, context.output, scope);
  // A new daemon opens its sandboxes by itself and the harnesses come back: there is nothing to do but to say so.
  client.events.on('connected', () => context.output.note('sandmesh: the daemon went away; it is back'));
  const env = { ...context.env, ...prepared.env };
  const { adapter } = prepared;
  const end = adapter === undefined ? await runProgram(args, env) : await runUnderAdapter(adapter, { context, env });
  stopAnnouncing();
  await tellEnd(client, launch, end, scope);
  client.close();
  return end.failure === undefined ? passOn(end) : reportFailure(context, end.failure);
};

export function launchInput(
  context: CliContext,
  argv: readonly string[],
  options: Options,
): CommandInput<'target.launch'> {
  const wait = waitOf(options);
  const adapter = options.text('adapter');
  const nodeOptions = context.env.NODE_OPTIONS ?? '';
  return {
    argv: [...argv],
    folder: context.cwd,
    ...(nodeOptions === '' ? {} : { nodeOptions }),
    ...(wait === undefined ? {} : { wait }),
    ...(adapter === undefined ? {} : { adapter }),
  };
}

/** `true`: until anybody is here. */
function waitOf(options: Options): true | string | undefined {
  const member = options.text('wait');
  return member === '' ? true : member;
}

export async function tellLink(context: CliContext, opened: OpenResult): Promise<void> {
  const { output } = context;
  if (output.json) return void output.stderr.write(`${JSON.stringify(opened)}\n`);
  if (output.quiet) {
    if (opened.link !== undefined) output.stderr.write(`${opened.link}\n`);
    return;
  }
  // No QR code here: the program's own output follows on the same screen.
  output.stderr.write(`${await linkText(opened, { output, to: 'stderr', qr: false })}\n`);
}

function tellWait({ output }: CliContext, wait: true | string): void {
  const whom = wait === true ? 'somebody' : safeLine(wait);
  output.note(`It waits at its first line until ${whom} is here, or for "sandmesh resume".`);
}

async function tellEnd(client: SandmeshClient, launch: string, end: ProgramEnd, scope: Scope): Promise<void> {
  if (!client.connected) return;
  const args = { launch, exitCode: end.exitCode, signal: end.signal };
  // A daemon that just went away needs no farewell; one that was restarted does not know this launch.
  await client.call('target.finish', args, { ...scope, timeoutMs: FINISH_LIMIT_MS }).catch(() => undefined);
}

function passOn(end: ProgramEnd): number {
  if (end.signal !== null) end.dieAlike();
  return end.exitCode ?? 1;
}

function reportFailure(context: CliContext, failure: NonNullable<ProgramEnd['failure']>): number {
  context.output.error(failure.error);
  return failure.exitCode;
}
