/** `skipFiles` of launch and attach. */

import { z } from 'zod';

/** As many, and as long, as `execution.step` takes. */
export const skipFilesSchema = z.array(z.string().max(300)).max(64).default([]);
