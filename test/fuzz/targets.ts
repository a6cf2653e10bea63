/** Every parser that meets bytes of others, or of a disk that may have rotted. */

import type { FuzzTarget } from './fuzz.ts';
import { STORAGE_TARGETS } from './targets/storage.ts';
import { TEXT_TARGETS } from './targets/texts.ts';
import { UPDATE_TARGETS } from './targets/updates.ts';
import { WIRE_TARGETS } from './targets/wire.ts';

export { Fuzzer } from './fuzz.ts';

export const TARGETS: readonly FuzzTarget[] = [...WIRE_TARGETS, ...TEXT_TARGETS, ...STORAGE_TARGETS, ...UPDATE_TARGETS];
