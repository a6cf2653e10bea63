/** Tells a Ctrl-C that the terminal sent to our whole process group from a signal sent to us alone. */

import { readFileSync } from 'node:fs';
import { isatty } from 'node:tty';

/**
 * Whether an interrupt just received came, by all signs, from the keyboard: then the program has it too, and passing
 * it on would count as a second Ctrl-C, which many programs take for "now, by force".
 */
export function terminalSentInterrupt(): boolean {
  const foreground = inForegroundGroup();
  return foreground ?? [0, 1, 2].some((descriptor) => isatty(descriptor));
}

/** Linux: our process group against that of the controlling terminal; undefined where that cannot be read. */
function inForegroundGroup(): boolean | undefined {
  try {
    return isForeground(readFileSync('/proc/self/stat', 'utf8'));
  } catch {
    // No /proc on this system.
    return undefined;
  }
}

/** @param stat the line of /proc/<pid>/stat */
export function isForeground(stat: string): boolean {
  // The command name in parentheses may contain spaces and parentheses itself.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [, , group, , , terminalGroup] = fields;
  return terminalGroup !== '-1' && group === terminalGroup;
}
