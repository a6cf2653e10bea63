/** `complete-values`: what the completion scripts ask the daemon for. Silent when there is none, and quick. */

import { SandboxError } from '#shared/errors.ts';
import type { CommandHandler } from '../command-spec.ts';
import type { CliContext } from '../context.ts';
import { ExitCode } from '../exit-codes.ts';
import { describeWhere } from '../render/breakpoints.ts';
import { commandWord } from '../render/requests.ts';

/** A person waits for the Tab key. */
const LIMIT_MS = 800;

export const completeValues: CommandHandler = async ({ context, args }) => {
  let values: readonly string[] = [];
  try {
    await context.connect({ start: false });
    values = await valuesOf(context, args[0] ?? '');
  } catch (error) {
    // No daemon, no sandbox here: nothing to offer, and a completion must not print errors.
    if (!(error instanceof SandboxError)) throw error;
  }
  context.output.result({ values }, () => values.join('\n'));
  return ExitCode.ok;
};

async function valuesOf(context: CliContext, kind: string): Promise<readonly string[]> {
  const limit = { timeoutMs: LIMIT_MS };
  switch (kind) {
    case 'targets': {
      const { targets } = await context.call('target.list', {}, limit);
      return targets.map((target) => (/^[\w.@/-]+$/.test(target.name) ? target.name : target.id));
    }
    case 'sandboxes': {
      const { sandboxes } = await context.call('sandbox.list', {}, limit);
      return sandboxes.map((sandbox) => sandbox.id.slice(0, 8));
    }
    case 'breakpoints': {
      const { breakpoints } = await context.call('breakpoint.list', {}, limit);
      return breakpoints.flatMap((view) => (view.where.kind === 'line' ? [describeWhere(view), view.id] : [view.id]));
    }
    case 'requests': {
      const { requests } = await context.call('request.list', {}, limit);
      return requests.map(commandWord);
    }
    case 'members': {
      const { members } = await context.call('member.list', {}, limit);
      return members.map((member) => (/^[\w.-]+$/.test(member.name) ? member.name : String(member.id)));
    }
    case 'config': {
      const { entries } = await context.call('config.list', {}, limit);
      return entries.map((entry) => entry.key);
    }
    default:
      return [];
  }
}
