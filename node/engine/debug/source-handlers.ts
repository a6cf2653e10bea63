/** Handlers of `source.*`: what a target has loaded, and its text. What may be served is the registry's to refuse. */

import type { CommandArgs } from '#protocol/catalogue/catalogue.ts';
import { MAX_BREAKABLE_LINES } from '#protocol/catalogue/inspection-commands.ts';
import { SandboxError } from '#shared/errors.ts';
import type { ContentHash } from '#shared/ids.ts';
import type { SourceFile } from '#shared/model/source-file.ts';
import type { Handler } from '../../pipeline/context.ts';
import { breakablePlaces } from './breakpoints/breakable-places.ts';
import { requestedTarget } from './targets/requested-target.ts';

const DEFAULT_LIST_LIMIT = 500;
/** A reply has to fit into a frame: longer texts are read in parts. */
const MAX_TEXT_LENGTH = 1_000_000;

const list: Handler<'source.list'> = async (args, context) => {
  const { registry } = requestedTarget(args.target, context).session;
  const files = await registry.list(args.match);
  return { files: files.slice(0, args.limit ?? DEFAULT_LIST_LIMIT), total: files.length };
};

const get: Handler<'source.get'> = async (args, context) => {
  const { registry } = requestedTarget(args.target, context).session;
  const { file, text, source } = await registry.text(whichSource(args));
  const fromLine = args.fromLine ?? 1;
  const { part, totalLines } = cutLines(text, fromLine, args.lines ?? Number.POSITIVE_INFINITY);
  if (part.length > MAX_TEXT_LENGTH) {
    throw new SandboxError(
      'RESULT_TOO_LARGE',
      `Cannot send "${file.path}": ${part.length} characters are too many at once`,
      {
        hint: 'Read it in parts: sandmesh source <file>:<line> --lines <count>.',
      },
    );
  }
  return { file, text: part, source, totalLines, fromLine };
};

/** Without splitting: a text of 100 MB would become millions of strings for the twenty that are wanted. */
function cutLines(text: string, fromLine: number, lines: number): { part: string; totalLines: number } {
  let [start, end] = [fromLine === 1 ? 0 : text.length, text.length];
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) {
    line += 1;
    if (line === fromLine) start = at + 1;
    if (line === fromLine + lines) end = at;
  }
  return { part: text.slice(start, end), totalLines: line };
}

const breakable: Handler<'source.breakable'> = async ({ target, file, fromLine, toLine }, context) => {
  const { cdp, registry } = requestedTarget(target, context).session;
  const last = Math.min(toLine, fromLine + MAX_BREAKABLE_LINES - 1);
  const lines = Array.from({ length: Math.max(0, last - fromLine + 1) }, (_, index) => fromLine + index);
  const places = await Promise.all(lines.map((line) => breakablePlaces(cdp, registry, file, line)));
  return { places: places.flat() };
};

function whichSource({ file, source }: CommandArgs<'source.get'>): { file: SourceFile } | { source: ContentHash } {
  if (file !== undefined) return { file };
  if (source !== undefined) return { source };
  throw new SandboxError('BAD_ARGUMENT', 'Cannot read a source: name a file, or the hash a frame carried');
}

export const sourceHandlers = { 'source.list': list, 'source.get': get, 'source.breakable': breakable };
