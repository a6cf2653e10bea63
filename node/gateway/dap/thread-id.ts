/** The one thread of a target, until targets have several. */
export const THREAD_ID = 1;
