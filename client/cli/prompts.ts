/** The questions the CLI asks. A module of its own, so that only these prompts end up in the lazily loaded bundle. */

export { confirm, password, select } from '@inquirer/prompts';
