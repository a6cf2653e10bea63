// test: full
// test: limit 180 s
import { suite } from 'uvu';
import { MORE_BUILDS } from './built-cart.ts';
import { checkLandings } from './landings.ts';

const test = suite('breakpoint candidates, more builds');

for (const name of MORE_BUILDS) {
  test(`breakpoints by original line land and stop where a person expects: ${name}`, () => checkLandings(name));
}

test.run();
