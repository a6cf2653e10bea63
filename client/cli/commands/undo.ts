/** `undo` and `redo`: one's own breakpoint edits, one at a time. */

import type { CommandHandler } from '../command-spec.ts';
import type { CliContext } from '../context.ts';
import { ExitCode } from '../exit-codes.ts';
import { describeWhere } from '../render/breakpoints.ts';

const DONE = { set: 'is set again', removed: 'is gone', changed: 'is as it was before' } as const;

export const undo: CommandHandler = ({ context }) => run(context, false);
export const redo: CommandHandler = ({ context }) => run(context, true);

async function run(context: CliContext, redoing: boolean): Promise<number> {
  const result = await context.call('breakpoint.undo', redoing ? { redo: true } : {});
  const { undone } = result;
  const { colors } = context.output;
  context.output.result(result, () => {
    if (undone === null) return redoing ? 'Nothing to make again.' : 'Nothing of yours to take back.';
    const others = undone.passedOver === 0 ? '' : ' (later edits of yours were changed by others since and stay)';
    return `${colors.bold(describeWhere(undone))} ${colors.dim(undone.breakpoint)} ${DONE[undone.change]}${others}.`;
  });
  return ExitCode.ok;
}
