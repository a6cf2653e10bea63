/** Every command the debug engine answers, for the pipeline's table. */

import { breakpointHandlers } from './breakpoints/breakpoint-handlers.ts';
import { cdpHandlers } from './cdp/cdp-handlers.ts';
import { executionHandlers } from './execution-handlers.ts';
import { inspectionHandlers } from './inspection-handlers.ts';
import { sourceHandlers } from './source-handlers.ts';
import { targetHandlers } from './target-handlers.ts';

export const debugHandlers = {
  ...breakpointHandlers,
  ...cdpHandlers,
  ...executionHandlers,
  ...inspectionHandlers,
  ...sourceHandlers,
  ...targetHandlers,
};
