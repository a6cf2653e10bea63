// test: limit 240 s
/** Chromium's own DevTools page, on a program of another member's. */

import type { Page } from 'playwright-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { unless } from '../../skip.ts';
import { chromiumMissing, withChromium } from '../chromium.ts';
import { eventually } from '../mesh/members.ts';
import { BODY_LINE, portOf, withShop } from './shop.ts';

/** By its name. Keys go nowhere before what takes them is there. */
async function openFile(page: Page, name: string): Promise<void> {
  await page.getByText('(no domain)').first().waitFor();
  await page.keyboard.press('Control+p');
  await page.getByLabel('Quick open prompt', { exact: true }).waitFor();
  await page.keyboard.type(name);
  await page.getByText(name).first().waitFor();
  await page.keyboard.press('Enter');
}

unless(
  test,
  chromiumMissing,
  'Chrome DevTools shows a remote program’s sources, and its breakpoint stops it for all',
  () =>
    withShop(async ({ guest, atHost }) => {
      const { devtoolsFrontendUrl } = await portOf(guest);
      await withChromium({}, async (context) => {
        const page = await context.newPage();
        page.setDefaultTimeout(60_000);
        await page.goto(devtoolsFrontendUrl);
        await page.getByRole('tab', { name: 'Sources' }).first().click();
        await openFile(page, 'shop.js');
        const editor = page.locator('.cm-content').first();
        await editor.getByText('class Cart').waitFor();
        await page
          .locator('.cm-lineNumbers .cm-gutterElement', { hasText: new RegExp(`^${BODY_LINE}$`) })
          .first()
          .click();
        await page.getByText('Paused on breakpoint').first().waitFor();

        const { breakpoints } = await atHost.call('breakpoint.list', {});
        assert.equal(
          breakpoints.map(({ writtenBy, where }) => [writtenBy, where.kind === 'line' && where.line]),
          [[2, BODY_LINE]],
        );
        const { pause } = await atHost.call('inspect.stack', {});
        assert.is(pause.frames[0]?.line, BODY_LINE);
        await page.keyboard.press('F10');
        await eventually('the host to see the step', async () => {
          const { targets } = await atHost.call('target.list', {});
          return targets[0]?.pause?.frames[0]?.line === BODY_LINE + 1 || undefined;
        });
      });
      await eventually('its breakpoint to go with it', async () => {
        const left = await atHost.call('breakpoint.list', {});
        return left.breakpoints.length === 0 || undefined;
      });
      assert.is((await atHost.call('target.list', {})).targets[0]?.state, 'paused', 'nothing resumed by accident');
    }),
);

test.run();
