/** `status`: the daemon and what it holds, without starting one. */

import type { CommandResult } from '#protocol/catalogue/catalogue.ts';
import { SandboxError } from '#shared/errors.ts';
import type { Member } from '#shared/model/member.ts';
import { count } from '#shared/plural.ts';
import type { CommandHandler } from '../command-spec.ts';
import type { CliContext } from '../context.ts';
import { ExitCode } from '../exit-codes.ts';
import type { Colors } from '../output.ts';
import { packageRoot } from '../package-root.ts';
import { safeLine } from '../render/safe-text.ts';
import { table } from '../render/table.ts';
import { type TargetView, targetTable } from '../render/targets.ts';
import { formatBytes, formatDuration } from '../render/time.ts';
import { warningLines } from '../render/warnings.ts';

export const status: CommandHandler = async ({ context }) => {
  const { output } = context;
  const client = await context.connect({ start: false });
  const [daemon, { sandboxes, unopened }] = await Promise.all([
    client.call('daemon.status', {}),
    client.call('sandbox.list', {}),
  ]);
  const { targets, members } = await targetsHere(context);
  output.result({ daemon, sandboxes, ...(unopened === undefined ? {} : { unopened }), targets }, () => {
    const { colors } = output;
    const parts = [daemonText(daemon, colors, packageRoot().version), sandboxText(sandboxes, colors)];
    for (const { id, why } of unopened ?? []) {
      parts.push(colors.yellow(`! ${id.slice(0, 8)} cannot be opened: ${safeLine(why)}. See "sandmesh verify".`));
    }
    if (targets.length > 0) parts.push(targetTable(targets, members, colors));
    return parts.join('\n\n');
  });
  return ExitCode.ok;
};

/** Why there are no programs to list; what cannot be opened is listed as that. */
const NOTHING_THERE: ReadonlySet<string> = new Set([
  'SANDBOX_UNKNOWN',
  'MEMBER_UNKNOWN',
  'STORAGE_CORRUPT',
  'HOME_UNWRITABLE',
  'JOIN_DENIED',
  'BAD_KEY',
]);

async function targetsHere(context: CliContext): Promise<{ targets: TargetView[]; members: readonly Member[] }> {
  try {
    const [{ targets }, { members }] = await Promise.all([
      context.call('target.list', {}),
      context.call('member.list', {}),
    ]);
    return { targets, members };
  } catch (error) {
    // No sandbox belongs to this folder, or it cannot be opened.
    if (error instanceof SandboxError && NOTHING_THERE.has(error.code)) return { targets: [], members: [] };
    throw error;
  }
}

/** @param installed version of this command: after an update the daemon of before goes on until it is stopped */
function daemonText(daemon: CommandResult<'daemon.status'>, colors: Colors, installed: string): string {
  const { apiTrouble } = daemon;
  const listening = daemon.addresses.length === 0 ? 'nothing' : daemon.addresses.join(', ');
  return [
    `${colors.bold('sandmesh')} ${daemon.version}, daemon ${daemon.pid} up for ${formatDuration(daemon.uptimeMs)}, ` +
      `${formatBytes(daemon.rssBytes)}, Node ${daemon.node}`,
    `${colors.dim('home')}       ${daemon.home}`,
    `${colors.dim('listens on')} ${listening}`,
    `${colors.dim('local API')}  ${daemon.api ?? 'does not run'}`,
    `${colors.dim('connected')}  ${count(daemon.peers, 'peer')}, ${count(daemon.clients, 'client')}`,
    ...(apiTrouble === undefined ? [] : [colors.yellow(`! ${apiTrouble.message}`)]),
    ...(apiTrouble?.hint === undefined ? [] : [`  ${apiTrouble.hint}`]),
    ...(daemon.version === installed
      ? []
      : [colors.yellow(`! This command is ${installed}: "sandmesh stop", and it starts a daemon of its own version.`)]),
  ].join('\n');
}

function sandboxText(sandboxes: CommandResult<'sandbox.list'>['sandboxes'], colors: Colors): string {
  if (sandboxes.length === 0) return 'In no sandbox yet: sandmesh run -- <command>, or sandmesh join <link>.';
  const rows = sandboxes.map((sandbox) => [
    colors.bold(safeLine(sandbox.name)),
    colors.dim(sandbox.id.slice(0, 8)),
    sandbox.role,
    sandbox.reach,
    `${sandbox.online} of ${sandbox.members}`,
    String(sandbox.targets),
    sandbox.folder ?? colors.dim('no folder here'),
  ]);
  const list = table(['SANDBOX', 'ID', 'ROLE', 'REACH', 'HERE', 'PROGRAMS', 'FOLDER'], rows, colors);
  return [list, ...sandboxes.flatMap((sandbox) => warningLines(sandbox, colors))].join('\n');
}
