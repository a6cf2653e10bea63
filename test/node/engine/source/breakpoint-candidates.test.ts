import { suite } from 'uvu';
import { BUILDS } from './built-cart.ts';
import { checkLandings } from './landings.ts';

const test = suite('breakpoint candidates');

for (const name of BUILDS) {
  test(`breakpoints by original line land and stop where a person expects: ${name}`, () => checkLandings(name));
}

test.run();
