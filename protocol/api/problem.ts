/** Errors over HTTP: `application/problem+json` (RFC 9457) with the catalogue's stable codes. */

import { z } from 'zod';
import { ERROR_CODES, type ErrorCode, type SandboxError } from '#shared/errors.ts';

export const PROBLEM_TYPE = 'application/problem+json';

export const problemSchema = z.object({
  /** `urn:sandmesh:error:<code>` */
  type: z.string(),
  /** The code in words; the same for every problem of the code. */
  title: z.string(),
  status: z.number().int(),
  /** What failed, with the offending value. */
  detail: z.string(),
  code: z.enum(Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]]),
  /** What to do next. */
  hint: z.string().optional(),
  /** Whether the same request may succeed later. */
  retry: z.boolean(),
});
export type Problem = z.infer<typeof problemSchema>;

/** @param status overrides the code's own, where HTTP has a closer one (405, 415, 421) */
export function problemOf(error: SandboxError, status?: number): Problem {
  const { code, message, hint } = error.toData();
  return {
    type: `urn:sandmesh:error:${code}`,
    title: code.toLowerCase().replaceAll('_', ' '),
    status: status ?? ERROR_CODES[code].status,
    detail: message,
    code,
    ...(hint === undefined ? {} : { hint }),
    retry: ERROR_CODES[code].retry,
  };
}
