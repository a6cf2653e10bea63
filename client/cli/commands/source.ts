/** `source`: the text a program runs, and which files it has loaded. */

import { SandboxError } from '#shared/errors.ts';
import type { TargetId } from '#shared/ids.ts';
import { formatSourceFile, type SourceFile } from '#shared/model/source-file.ts';
import { count } from '#shared/plural.ts';
import type { CommandHandler, Invocation } from '../command-spec.ts';
import type { CliContext } from '../context.ts';
import { ExitCode } from '../exit-codes.ts';
import { findTarget } from '../lookup.ts';
import { safeLine } from '../render/safe-text.ts';
import { sourceExcerpt } from '../render/source-excerpt.ts';

const LINES_AROUND = 21;
const MOST_LINES = 100_000;
const LISTED = 1000;

export const source: CommandHandler = async (invocation) => {
  const { context, args, options } = invocation;
  const target = await findTarget(context, options.text('target'));
  if (options.flag('list')) return list(context, args[0], target);
  const wanted = args[0] === undefined ? await current(context, target) : await find(context, args[0], target);
  return show(invocation, wanted);
};

interface Wanted {
  readonly target: TargetId | undefined;
  readonly file: SourceFile | undefined;
  readonly source?: string;
  /** 1-based line to show the surroundings of; absent: from the top. */
  readonly line: number | undefined;
  readonly currentLine?: number;
}

async function list(context: CliContext, match: string | undefined, target: TargetId | undefined): Promise<number> {
  const result = await context.call('source.list', {
    limit: LISTED,
    ...(match === undefined ? {} : { match }),
    ...(target === undefined ? {} : { target }),
  });
  const { colors } = context.output;
  context.output.result(result, () => {
    // Some 150 modules of Node itself are in every program: shown only when asked for by name.
    const shown = result.files.filter((file) => match !== undefined || file.package !== 'node');
    const lines = shown.map((file) =>
      file.package === undefined ? safeLine(file.path) : colors.dim(safeLine(formatSourceFile(file))),
    );
    const hidden = result.files.length - shown.length;
    if (hidden > 0) lines.push(colors.dim(`… and ${hidden} of Node itself (sandmesh source --list node/)`));
    if (result.total > result.files.length) lines.push(colors.dim(`… ${result.total - result.files.length} more`));
    return lines.length === 0 ? 'No loaded file fits.' : lines.join('\n');
  });
  return ExitCode.ok;
}

/** The place where the program stands. */
async function current(context: CliContext, target: TargetId | undefined): Promise<Wanted> {
  const { pause } = await context.call('inspect.stack', target === undefined ? {} : { target });
  const frame = pause.frames.find((candidate) => candidate.internal !== true) ?? pause.frames[0];
  if (frame === undefined) throw new SandboxError('SOURCE_UNKNOWN', 'Cannot show source: the pause has no frames');
  const { file, line } = frame;
  return { target: pause.target, file, line, currentLine: line, ...(frame.source ? { source: frame.source } : {}) };
}

/** @param text `file[:line]`, the file by its path or the end of it */
async function find(context: CliContext, text: string, target: TargetId | undefined): Promise<Wanted> {
  const { path, line } = splitLocation(text);
  const { files } = await context.call('source.list', {
    match: path,
    limit: LISTED,
    ...(target === undefined ? {} : { target }),
  });
  const file = bestFile(files, path);
  return { target, file, line };
}

/** `src/a.ts:42` or `src/a.ts:42:7`; a leading `./` is dropped. */
export function splitLocation(text: string): { path: string; line: number | undefined } {
  const match = /^(.*?)(?::(\d+))?(?::\d+)?$/.exec(text.replace(/^\.\//, ''));
  return { path: match?.[1] ?? text, line: match?.[2] === undefined ? undefined : Number(match[2]) };
}

/** @throws {SandboxError} SOURCE_UNKNOWN when none or several fit */
export function bestFile(files: readonly SourceFile[], path: string): SourceFile {
  const name = (file: SourceFile): string => formatSourceFile(file);
  const own = files.filter((file) => file.package === undefined);
  const ranked = [
    files.filter((file) => name(file) === path),
    own.filter((file) => file.path.endsWith(`/${path}`)),
    files.filter((file) => name(file).endsWith(`/${path}`)),
    own,
    files,
  ];
  const matches = ranked.find((fits) => fits.length > 0) ?? [];
  const only = matches[0];
  if (only !== undefined && matches.length === 1) return only;
  throw new SandboxError(
    'SOURCE_UNKNOWN',
    `Cannot show "${path}": ${matches.length === 0 ? 'no program has loaded it' : `${matches.length} loaded files fit`}`,
    {
      hint:
        matches.length === 0
          ? 'See what is loaded: sandmesh source --list'
          : `For example: ${matches.slice(0, 4).map(name).join(', ')}.`,
    },
  );
}

async function show({ context, options }: Invocation, wanted: Wanted): Promise<number> {
  const { line } = wanted;
  const most = options.integer('lines') ?? (line === undefined ? MOST_LINES : LINES_AROUND);
  const fromLine = line === undefined ? 1 : Math.max(1, line - Math.floor((most - 1) / 2));
  const result = await context.call('source.get', {
    fromLine,
    lines: most,
    ...(wanted.target === undefined ? {} : { target: wanted.target }),
    ...(wanted.file === undefined ? {} : { file: wanted.file }),
    ...(wanted.source === undefined ? {} : { source: wanted.source }),
  });
  const { output } = context;
  output.result(result, () => {
    const { colors, columns } = output;
    const lines = result.text.replace(/\n$/, '').split('\n');
    const excerpt = sourceExcerpt(lines, {
      colors,
      columns: output.stdout.isTTY === true ? columns : Number.MAX_SAFE_INTEGER,
      fromLine: result.fromLine,
      currentLine: wanted.currentLine ?? line,
    });
    const head = `${colors.bold(safeLine(formatSourceFile(result.file)))} ${colors.dim(count(result.totalLines, 'line'))}`;
    return output.quiet ? result.text : [head, ...excerpt].join('\n');
  });
  return ExitCode.ok;
}
