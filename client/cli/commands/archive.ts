/** `verify`, `checkpoint`, `export` and `import`: what is stored of sandboxes, checked, taken out and brought back. */

import type { CommandResult } from '#protocol/catalogue/catalogue.ts';
import { count } from '#shared/plural.ts';
import type { CommandHandler } from '../command-spec.ts';
import { ExitCode } from '../exit-codes.ts';
import type { Colors } from '../output.ts';
import { safeLine } from '../render/safe-text.ts';
import { formatBytes } from '../render/time.ts';

/** A long log takes 0.1 ms an envelope. */
const PATIENCE_MS = 10 * 60_000;

export const verify: CommandHandler = async ({ context, options }) => {
  const client = await context.connect();
  const { sandbox } = await context.scope();
  const quick = options.flag('quick') ? { quick: true } : {};
  const args = sandbox === undefined ? quick : { sandbox, ...quick };
  const result = await client.call('storage.verify', args, { timeoutMs: PATIENCE_MS });
  const { colors } = context.output;
  context.output.result(result, () =>
    result.sandboxes.length === 0
      ? 'No sandbox is stored here.'
      : result.sandboxes.map((each) => verificationText(each, colors)).join('\n'),
  );
  return result.sandboxes.every(({ problems }) => problems.length === 0) ? ExitCode.ok : ExitCode.failure;
};

export const exportSandbox: CommandHandler = async ({ context, args, options }) => {
  const file = context.absolute(args[0] ?? '');
  const keys = options.flag('keys');
  const result = await context.call('storage.export', { file, ...(keys ? { keys } : {}) }, { timeoutMs: PATIENCE_MS });
  context.output.result(result, () => {
    const readable = 'Whoever has it can read the sandbox';
    const none = keys ? `No keys lie here. ${readable}` : readable;
    const what = result.keys ? 'It holds the keys: keep it like a password' : none;
    return `Wrote ${safeLine(result.file)} (${formatBytes(result.bytes)}). ${what}.`;
  });
  return ExitCode.ok;
};

export const checkpoint: CommandHandler = async ({ context }) => {
  const result = await context.call('storage.checkpoint', {}, { timeoutMs: PATIENCE_MS });
  context.output.result(result, () => {
    if (!result.made && result.forked.length > 0) return forkedText(result);
    if (result.blob === undefined) return 'Nothing was written yet that a checkpoint could hold.';
    const what = `${count(result.envelopes, 'envelope')} in ${formatBytes(result.bytes)}`;
    const head = result.made ? 'Made checkpoint' : 'Nothing came after checkpoint';
    const doubts = result.differs.length === 0 ? '' : ` ${count(result.differs.length, 'member')} found it to differ.`;
    return `${head} ${result.blob.slice(0, 8)}: ${what}, the log has ${formatBytes(result.logBytes)}.${doubts}`;
  });
  return result.differs.length === 0 && (result.made || result.forked.length === 0) ? ExitCode.ok : ExitCode.failure;
};

/** Nothing mends a chain that forked: what is left is to say what it costs. */
function forkedText({ forked, logBytes }: CommandResult<'storage.checkpoint'>): string {
  const whose = forked.length === 1 ? `member ${forked[0]}` : `members ${forked.join(', ')}`;
  return (
    `Made no checkpoint: ${whose} signed two different edits as one, and no checkpoint can hold both. Nothing is lost, but the ` +
    `log (${formatBytes(logBytes)}) only grows from here, and who joins gets all of it. A new sandbox starts small again.`
  );
}

export const importSandbox: CommandHandler = async ({ context, args }) => {
  const client = await context.connect();
  const file = context.absolute(args[0] ?? '');
  const result = await client.call('storage.import', { file, folder: context.cwd }, { timeoutMs: PATIENCE_MS });
  context.output.result(result, () => {
    const keys = result.keys ? ', with its keys' : '';
    return `Brought back ${safeLine(result.name)} (${result.sandbox.slice(0, 8)})${keys}.`;
  });
  return ExitCode.ok;
};

function verificationText(each: CommandResult<'storage.verify'>['sandboxes'][number], colors: Colors): string {
  const { sandbox, records, controlEntries, envelopes, chains, signatures, blobs, problems, folder } = each;
  const counts =
    `${count(records, 'record')}, ${count(controlEntries, 'control entry')}, ` +
    `${count(envelopes, 'envelope')} in ${count(chains, 'chain')}, ` +
    `${count(signatures, 'signature')}, ${count(blobs, 'blob')}`;
  const id = sandbox.slice(0, 8);
  if (problems.length === 0) return `${colors.green(`Sandbox ${id} is whole`)}: ${counts}.`;
  const list = problems.map(({ file, at, problem }) => `  ${safeLine(file)} at byte ${at}: ${safeLine(problem)}`);
  return [`${colors.red(`Sandbox ${id} is damaged`)} (${counts}; in ${safeLine(folder)}):`, ...list].join('\n');
}
