/** `chat`: lines to everybody. */

import type { ChatLine } from '#shared/model/member.ts';
import type { CommandHandler } from '../command-spec.ts';
import type { CliContext } from '../context.ts';
import { ExitCode } from '../exit-codes.ts';
import { memberNames } from '../lookup.ts';
import { safeText } from '../render/safe-text.ts';
import { formatClock } from '../render/time.ts';

const DEFAULT_LINES = 20;

export const chat: CommandHandler = async ({ context, args, options }) => {
  const { output } = context;
  if (args.length > 0) {
    const sent = await context.call('chat.send', { text: args.join(' ') });
    output.result(sent, () => '');
    return ExitCode.ok;
  }
  const follow = options.flag('follow');
  const live = follow ? await context.subscribe('chat', context.signal) : [];
  const past = await context.call('chat.list', { limit: options.integer('lines') ?? DEFAULT_LINES });
  const names = async (): Promise<ReturnType<typeof memberNames>> =>
    memberNames((await context.call('member.list', {})).members);
  let name = await names();
  if (output.json) output.print(JSON.stringify(past));
  else if (past.lines.length > 0) output.print(past.lines.map((line) => chatLine(context, line, name)).join('\n'));
  else if (!follow) output.print('Nobody has said anything yet.');
  for await (const { event } of live) {
    if (name(event.line.member).startsWith('member ')) name = await names();
    output.result(event, () => chatLine(context, event.line, name));
  }
  return ExitCode.ok;
};

function chatLine(context: CliContext, line: ChatLine, name: (member: ChatLine['member']) => string): string {
  const { colors } = context.output;
  return `${colors.dim(formatClock(line.at))} ${colors.bold(safeText(name(line.member)))}  ${safeText(line.text)}`;
}
