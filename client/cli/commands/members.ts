/** `members`: who is here. */

import type { Member } from '#shared/model/member.ts';
import { formatSourceFile } from '#shared/model/source-file.ts';
import type { CommandHandler } from '../command-spec.ts';
import type { CliContext } from '../context.ts';
import { ExitCode } from '../exit-codes.ts';
import { memberNames } from '../lookup.ts';
import { safeLine } from '../render/safe-text.ts';
import { table } from '../render/table.ts';
import { formatDuration } from '../render/time.ts';
import { warningLines } from '../render/warnings.ts';

export const members: CommandHandler = async ({ context, options }) => {
  if (options.flag('sessions')) return sessions(context);
  const result = await context.call('member.list', {});
  const { colors, json } = context.output;
  const toSettle = json ? [] : warningLines(await context.call('sandbox.get', {}), colors);
  context.output.result(result, () => {
    const rows = result.members.map((member) => {
      const name = safeLine(member.name);
      return [
        member.online ? colors.green('●') : colors.dim('○'),
        member.self ? `${colors.bold(name)} (you)` : colors.bold(name),
        member.removed ? colors.red('removed') : member.role,
        colors.dim(safeLine(member.fingerprint)),
        presenceText(member),
      ];
    });
    const list = table(['', 'NAME', 'ROLE', 'KEY', 'LOOKS AT'], rows, colors);
    const warnings = result.members.flatMap(({ name, warning, removed }) =>
      warning === undefined || removed ? [] : [colors.yellow(`! ${safeLine(name)}: ${safeLine(warning)}.`)],
    );
    return [list, ...warnings, ...toSettle].join('\n');
  });
  return ExitCode.ok;
};

async function sessions(context: CliContext): Promise<number> {
  const result = await context.call('session.list', {});
  const { members: known } = await context.call('member.list', {});
  const { colors } = context.output;
  const nameOf = memberNames(known);
  context.output.result(result, () => {
    if (result.sessions.length === 0) return 'Nobody is connected here.';
    const now = Date.now();
    const rows = result.sessions.map(({ member, openedAt, lastSeenAt, expiresAt, address }) => [
      colors.bold(safeLine(nameOf(member))),
      `${formatDuration(now - openedAt)} ago`,
      `${formatDuration(now - lastSeenAt)} ago`,
      `in ${formatDuration(expiresAt - now)}`,
      colors.dim(safeLine(address)),
    ]);
    return table(['NAME', 'CONNECTED', 'LAST SEEN', 'EXPIRES', 'FROM'], rows, colors);
  });
  return ExitCode.ok;
}

/** `src/cart.ts:42 (watch)`, or when the member was last here. */
export function presenceText({ presence, online, lastSeenAt }: Member): string {
  if (!online) return lastSeenAt === undefined ? 'away' : `away for ${formatDuration(Date.now() - lastSeenAt)}`;
  if (presence === undefined) return '';
  const file = presence.file === undefined ? '' : safeLine(formatSourceFile(presence.file));
  const line = presence.line === undefined ? '' : `:${presence.line}`;
  const client = presence.client === undefined ? '' : ` (${safeLine(presence.client)})`;
  return `${file}${line}${client}`.trim();
}
