/** What a logpoint or tracepoint recorded, as one line. */

import type { Hit } from '#shared/model/hit.ts';
import { formatSourceFile } from '#shared/model/source-file.ts';
import { count } from '#shared/plural.ts';
import type { Colors } from '../output.ts';
import { safeLine } from './safe-text.ts';

/** `◆ src/cart.ts:42 user 7 has 3`. */
export function hitLine({ file, line, text, passedOver = 0 }: Hit, colors: Colors): string {
  const place = `${file === undefined ? '' : safeLine(formatSourceFile(file))}:${line}`;
  const gap = passedOver === 0 ? '' : colors.dim(` (${count(passedOver, 'hit')} before it not recorded)`);
  return `${colors.yellow('◆')} ${colors.cyan(place)} ${safeLine(text)}${gap}`;
}
