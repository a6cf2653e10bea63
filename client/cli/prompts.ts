/** The questions the CLI asks. A module of its own, so that they are evaluated only when one is asked. */

export { confirm, password, select } from '@inquirer/prompts';
