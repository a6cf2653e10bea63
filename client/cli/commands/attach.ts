/** `attach` and `detach`: programs that already run. */

import { SandboxError } from '#shared/errors.ts';
import type { ProcessCandidate, Target } from '#shared/model/target.ts';
import type { CommandHandler } from '../command-spec.ts';
import type { CliContext } from '../context.ts';
import { ExitCode } from '../exit-codes.ts';
import { findTarget } from '../lookup.ts';
import { linkText } from '../render/link.ts';
import { safeLine } from '../render/safe-text.ts';
import { cut } from '../render/source-excerpt.ts';
import { type OpenResult, openSandbox } from './open.ts';

export const attach: CommandHandler = async ({ context, args, options }) => {
  const destination = options.text('ssh');
  if (destination !== undefined) {
    const { attachRemote } = await import('../ssh/attach-remote.ts');
    const opened = await openSandbox(context, options);
    return tell(context, opened, await attachRemote(context, destination, args[0], opened.sandbox.id));
  }
  const where = args[0] ?? (await chooseProcess(context));
  if (where === undefined) return ExitCode.ok;
  const opened = await openSandbox(context, options);
  return tell(context, opened, await context.call('target.attach', { where }, { sandbox: opened.sandbox.id }));
};

async function tell(context: CliContext, opened: OpenResult, target: Target): Promise<number> {
  const { output } = context;
  if (output.quiet && !output.json) {
    if (opened.link !== undefined) output.print(opened.link);
    return ExitCode.ok;
  }
  const { colors } = output;
  const link = output.json ? '' : await linkText(opened, { output, to: 'stdout', qr: true });
  const name = colors.bold(safeLine(target.name));
  output.result({ ...opened, target }, () =>
    [`Attached to ${name} (pid ${target.pid}, ${target.runtime}); let go with: sandmesh detach`, '', link].join('\n'),
  );
  return ExitCode.ok;
}

export const detach: CommandHandler = async ({ context, args }) => {
  const target = await findTarget(context, args[0]);
  const result = await context.call('target.detach', target === undefined ? {} : { target });
  context.output.result(result, () => `Let go of ${result.detached}; it keeps running.`);
  return ExitCode.ok;
};

/** @returns undefined when the list itself was the answer (--json) */
async function chooseProcess(context: CliContext): Promise<string | undefined> {
  const client = await context.connect();
  const { processes: found } = await client.call('target.candidates', {});
  const processes = nearestFirst(found, context.cwd);
  if (context.output.json) {
    context.output.result({ processes }, () => '');
    return undefined;
  }
  if (processes.every((candidate) => candidate.obstacle !== undefined)) {
    const obstacles = processes.map((candidate) => `${candidate.pid}: ${candidate.obstacle}`).join('; ');
    throw new SandboxError('PROCESS_UNKNOWN', 'Cannot attach: none of your Node processes can be attached to', {
      hint: obstacles === '' ? 'Start one with "sandmesh run -- <command>".' : obstacles,
    });
  }
  if (!context.interactive) {
    const { candidateTable } = await import('../render/candidates.ts');
    context.output.note(candidateTable(processes, context.output.errorColors));
    throw new SandboxError('BAD_ARGUMENT', 'Cannot attach: say which process', { hint: 'sandmesh attach <pid>' });
  }
  const { select } = await import('../prompts.ts');
  const room = Math.max(30, context.output.columns - 14);
  const pid = await select({
    message: 'Attach to which process?',
    choices: processes.map((candidate) => ({
      name: `${String(candidate.pid).padStart(7)}  ${cut(describeCandidate(candidate), room)}`,
      value: candidate.pid,
      disabled: candidate.obstacle ?? false,
    })),
  });
  return String(pid);
}

/** Those started in this folder, then the youngest: most likely what the person has in mind. */
function nearestFirst(processes: readonly ProcessCandidate[], cwd: string): ProcessCandidate[] {
  return [...processes].sort((a, b) => Number(b.cwd === cwd) - Number(a.cwd === cwd) || b.pid - a.pid);
}

function describeCandidate(candidate: ProcessCandidate): string {
  const folder = candidate.cwd === undefined ? '' : `  in ${candidate.cwd}`;
  return safeLine(`${candidate.command}${folder}`);
}
