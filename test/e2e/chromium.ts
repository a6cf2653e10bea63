/** A real headless Chromium, Debian's, with an empty profile of its own that ends with the test. */

import { type Browser, type BrowserContext, type BrowserContextOptions, chromium } from 'playwright-core';
import { commandMissing, executable } from '../skip.ts';

/** Why tests with a browser cannot run here; undefined: they can. */
export const chromiumMissing = commandMissing('chromium');

/** It calls nobody: no updates, no sync, no look at the net. */
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface ChromiumOptions extends BrowserContextOptions {
  /** Further command line arguments. */
  readonly args?: readonly string[];
}

/** Closes the browser whatever becomes of `use`. */
export async function withChromium(
  { args = [], ...context }: ChromiumOptions,
  use: (context: BrowserContext) => Promise<void>,
): Promise<void> {
  const browser: Browser = await chromium.launch({
    executablePath: executable('chromium') ?? '',
    args: [...ARGUMENTS, ...args],
  });
  try {
    await use(await browser.newContext(context));
  } finally {
    await browser.close();
  }
}
