/** What is wrong with a sandbox until somebody settles it, a line each. */

import type { CommandResult } from '#protocol/catalogue/catalogue.ts';
import type { Colors } from '../output.ts';
import { safeLine } from './safe-text.ts';

export function warningLines({ name, warnings = [] }: CommandResult<'sandbox.get'>, { yellow }: Colors): string[] {
  return warnings.map((warning) => yellow(`! ${safeLine(name)}: ${safeLine(warning)}.`));
}
