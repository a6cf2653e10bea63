/** The platform this process runs on. */

import { darwin } from './darwin.ts';
import { linux } from './linux.ts';
import type { Platform } from './platform.ts';
import { win32 } from './win32.ts';

/** Systems that are none of the three are asked the way macOS is: ps and lsof are nearly everywhere. */
export function currentPlatform(): Platform {
  if (process.platform === 'linux') return linux;
  return process.platform === 'win32' ? win32 : darwin;
}
