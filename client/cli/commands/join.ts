/** `join`: into somebody's sandbox by its link, waiting for their yes. */

import type { SandmeshClient } from '#client/sdk/client.ts';
import type { CommandResult } from '#protocol/catalogue/catalogue.ts';
import { SandboxError } from '#shared/errors.ts';
import { count } from '#shared/plural.ts';
import type { CommandHandler } from '../command-spec.ts';
import type { CliContext } from '../context.ts';
import { ExitCode } from '../exit-codes.ts';
import type { Colors } from '../output.ts';
import { safeLine } from '../render/safe-text.ts';

const MAX_LINK_BYTES = 4096;
const PATIENCE_MS = 200;

export const join: CommandHandler = async ({ context, args, options }) => {
  const { output, signal } = context;
  const link = args[0] === '-' ? await readLink(context) : (args[0] ?? '').trim();
  // Who lists processes sees arguments, other users too, and the answer may take a day: the link is a secret.
  process.title = 'sandmesh join';
  const client = await context.connect();
  const name = options.text('name');
  if (name !== undefined) await client.call('config.set', { key: 'name', value: name });

  const colors = output.errorColors;
  let isLooking = false;
  const tellLooking = (): void => {
    if (!isLooking) output.note(colors.dim('Looking for the host; Ctrl-C gives up …'));
    isLooking = true;
  };
  // A link that cannot be read is refused at once: nothing was looked for then.
  const looking = setTimeout(tellLooking, PATIENCE_MS);
  const notices = client.subscribe('notices', { signal });
  const tell = async (): Promise<void> => {
    for await (const { event } of notices) {
      tellLooking();
      output.note(colors.dim(safeLine(event.text)));
    }
  };
  // Ends with the subscription; a lost daemon fails the call below, which says so.
  tell().catch(() => undefined);
  try {
    const args = { link, folder: context.cwd, ...(options.flag('keepTrying') ? { keepTrying: true } : {}) };
    const result = await client.call('sandbox.join', args, { signal }).catch((error: unknown) => {
      throw nobodyThere(error);
    });
    output.result(result, () => welcome(result, output.colors));
    if (name !== undefined) await tellKeptName(context, client, result, name);
    return ExitCode.ok;
  } finally {
    clearTimeout(looking);
    await notices.return?.();
  }
};

/** A name is given with the membership: who was in already goes by the one of then. */
async function tellKeptName(
  { output }: CliContext,
  client: SandmeshClient,
  { sandbox }: CommandResult<'sandbox.join'>,
  asked: string,
): Promise<void> {
  const { members } = await client.call('member.list', {}, { sandbox: sandbox.id });
  const kept = members.find(({ self }) => self)?.name;
  if (kept === undefined || kept === asked) return;
  const text = `You are in it as "${safeLine(kept)}" already and stay so; "${safeLine(asked)}" is for what you join from now on.`;
  output.note(output.errorColors.yellow(text));
}

function nobodyThere(error: unknown): unknown {
  if (!(error instanceof SandboxError) || error.code !== 'PEER_UNREACHABLE') return error;
  return new SandboxError(error.code, error.message, {
    hint: 'Does sandmesh run at whoever sent the link (over a network: after "sandmesh share")? --keep-trying waits for it.',
    cause: error,
  });
}

function welcome({ sandbox, bound }: CommandResult<'sandbox.join'>, { bold, cyan, dim }: Colors): string {
  const people = `${count(sandbox.members, 'member')}, ${sandbox.online} here, ${count(sandbox.targets, 'program')}`;
  return [
    `You are in ${bold(safeLine(sandbox.name))} as ${sandbox.role} (${people}).`,
    bound
      ? dim('This folder is a checkout of the project: "sandmesh run" here adds your program.')
      : dim(
          `This folder is no checkout of the project: a program of yours comes in by "sandmesh run --sandbox ${sandbox.id.slice(0, 8)}".`,
        ),
    `Next: ${cyan('sandmesh targets')}, ${cyan('sandmesh watch')}, ${cyan('sandmesh break add <file:line>')}`,
  ].join('\n');
}

async function readLink(context: CliContext): Promise<string> {
  const stdin = context.stdin();
  if (stdin.isTTY) context.output.note('Paste the link, then Enter:');
  let text = '';
  for await (const chunk of stdin) {
    text += String(chunk);
    if (text.includes('\n') || text.length > MAX_LINK_BYTES) break;
  }
  const link = text.split('\n')[0]?.trim() ?? '';
  if (link === '') {
    throw new SandboxError('BAD_LINK', 'Cannot join: no link came on stdin', {
      hint: "Paste it and press Enter, or give it as an argument: sandmesh join 'sandmesh:#…'",
    });
  }
  return link;
}
