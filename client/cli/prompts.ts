/** The questions the CLI asks. A module of its own, so that only these prompts end up in the lazily loaded bundle. */

export { confirm, select } from '@inquirer/prompts';
