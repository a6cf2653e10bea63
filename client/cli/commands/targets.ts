/** `targets`: the programs of every member. */

import type { CommandHandler } from '../command-spec.ts';
import { ExitCode } from '../exit-codes.ts';
import { targetTable } from '../render/targets.ts';

export const targets: CommandHandler = async ({ context }) => {
  const [result, people] = await Promise.all([context.call('target.list', {}), context.call('member.list', {})]);
  context.output.result(result, () =>
    result.targets.length === 0
      ? 'No program is in this sandbox. Bring one in: sandmesh run -- <command>, or sandmesh attach.'
      : targetTable(result.targets, people.members, context.output.colors),
  );
  return ExitCode.ok;
};
