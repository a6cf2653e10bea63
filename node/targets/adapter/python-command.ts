/** A command line of Python's, taken apart as the interpreter does: its own options, what it runs, and that one's arguments. */

import { SandboxError } from '#shared/errors.ts';

export interface PythonCommand {
  readonly options: readonly string[];
  readonly runs: { readonly file: string } | { readonly module: string } | { readonly code: string };
  readonly args: readonly string[];
}

/** Letters whose value is the rest of the word, or the next one: `-Xdev`, `-W error`, `-um tool`. */
const WITH_VALUE = /^-[^-cmWX]*([cmWX])(.*)$/s;
const LONG_WITH_VALUE = '--check-hash-based-pycs';

/**
 * @param words what follows the interpreter
 * @throws {SandboxError} BAD_ARGUMENT when nothing is named that could be debugged
 */
export function parsePythonCommand(words: readonly string[]): PythonCommand {
  const options: string[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] as string;
    if (!word.startsWith('-')) return { options, runs: { file: word }, args: words.slice(at + 1) };
    const { letter, value, takesNext } = read(word, words[at + 1]);
    if (value === undefined) break;
    if (takesNext) at += 1;
    if (letter === 'm' || letter === 'c') {
      const others = word.slice(0, word.indexOf(letter));
      if (others !== '-') options.push(others);
      return { options, runs: letter === 'm' ? { module: value } : { code: value }, args: words.slice(at + 1) };
    }
    options.push(word, ...(takesNext ? [value] : []));
  }
  throw new SandboxError('BAD_ARGUMENT', 'Cannot debug Python: the command line names no program', {
    hint: 'Name a file, a module with "-m", or code with "-c".',
  });
}

interface OptionWord {
  /** Of an option with a value. */
  readonly letter?: string | undefined;
  /** Undefined: it lacks one, or is a dash alone, which is standard input. */
  readonly value: string | undefined;
  readonly takesNext: boolean;
}

function read(word: string, next: string | undefined): OptionWord {
  if (word === '-') return { value: undefined, takesNext: false };
  const [, letter, rest = ''] = word.startsWith('--') ? [] : (WITH_VALUE.exec(word) ?? []);
  const takesNext = (letter !== undefined && rest === '') || word === LONG_WITH_VALUE;
  return { letter, value: takesNext ? next : rest, takesNext };
}
