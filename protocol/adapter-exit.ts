/** How a program ended, as its debug adapter says it: by the event for that, or as delve does, which has none, in words. */

import { z } from 'zod';

const DELVE_EXIT = /^Process \d+ has exited with status (-?\d+)/;

const exitedSchema = z.object({ exitCode: z.number().int() });
const outputSchema = z.object({ category: z.string().optional(), output: z.string() });

/**
 * @param body of the event, as it came
 * @returns undefined: the event does not say that the program ended
 */
export function exitCodeIn(event: string, body: unknown): number | undefined {
  if (event === 'exited') return exitedSchema.safeParse(body).data?.exitCode;
  if (event !== 'output') return undefined;
  const { category, output = '' } = outputSchema.safeParse(body).data ?? {};
  // What the program prints is no word of the adapter's.
  const said = category === 'stdout' || category === 'stderr' ? undefined : DELVE_EXIT.exec(output)?.[1];
  return said === undefined ? undefined : Number(said);
}
