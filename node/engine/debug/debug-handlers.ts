/** Every command the debug engine answers, for the pipeline's table. */

import { breakpointHandlers } from './breakpoints/breakpoint-handlers.ts';
import { cdpHandlers } from './cdp/cdp-handlers.ts';
import { inspectionHandlers } from './inspection/inspection-handlers.ts';
import { sourceHandlers } from './source-handlers.ts';
import { executionHandlers } from './targets/execution-handlers.ts';
import { targetHandlers } from './targets/target-handlers.ts';

export const debugHandlers = {
  ...breakpointHandlers,
  ...cdpHandlers,
  ...executionHandlers,
  ...inspectionHandlers,
  ...sourceHandlers,
  ...targetHandlers,
};
