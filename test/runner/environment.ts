/** What the runner tells a test file's process. */

/** The environment variable that marks it and all its descendants. */
export const MARK = 'SANDMESH_TEST_MARK';
/**
 * Its own temporary folder, which becomes TMPDIR once tsx is loaded: tsx keeps what it has compiled in the temporary folder
 * that it finds, and in one that goes with the file everything would be compiled again for each.
 */
export const FOLDER = 'SANDMESH_TEST_FOLDER';
