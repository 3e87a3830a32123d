// SPDX-License-Identifier: AGPL-3.0-or-later
/** A mesh of five hundred routers, some of which have news every half second: the page stays quick and right. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { Crowd } from './crowd.mjs';
import { Lab, until } from './lab.mjs';
import { Browser, scenario, SIZES } from './phone.mjs';

const COUNT = 500;
/** What it takes is measured by bench/page; here only what no machine should take. */
const PATIENCE_MS = 5000;

let lab, browser, crowd;

before(async () => {
  lab = await Lab.start({ topology: 'node node1' });
  await lab.acquainted();
  browser = await Browser.start(lab);
  crowd = await Crowd.start(lab, COUNT - 1);
});

after(async () => {
  crowd?.stop();
  await browser?.stop();
  await lab?.stop();
});

scenario('shows all of them, soon, and finds one', () => browser, async () => {
  const begin = Date.now();
  const page = await browser.open(lab.nodes.node1, { size: SIZES.wide });
  await page.sees(`${COUNT}`);
  assert.ok(Date.now() - begin < PATIENCE_MS, `${Date.now() - begin} ms`);
  await page.find('input[type=search]').first().fill('far49');
  await until(async () => (await page.find('[role=rowheader] button').allTextContents()).join() ===
    ['far490', 'far491', 'far492', 'far493', 'far494', 'far495', 'far496', 'far497', 'far498', 'far499'].join(),
    'the rows that were looked for');
  await page.picture('crowd');
  await page.close();
});

scenario('takes changes as they come, and answers meanwhile', () => browser, async () => {
  const page = await browser.open(lab.nodes.node1, { size: SIZES.wide });
  await page.sees(`${COUNT}`);
  const frames = await page.page.evaluate(() => window.lockstepFrames);
  const changes = crowd.change(10, 4);
  const slowest = await page.page.evaluate(async ms => {
    let slowest = 0;
    for (const end = performance.now() + ms; performance.now() < end;) {
      const before = performance.now();
      await new Promise(done => setTimeout(done, 20));
      slowest = Math.max(slowest, performance.now() - before);
    }
    return slowest;
  }, 4000);
  await changes;
  assert.ok(slowest < 1000, `a touch may wait for ${slowest.toFixed()} ms`);
  await until(async () => (await page.page.evaluate(() => window.lockstepFrames)) > frames, 'a frame that shows the changes');
  await page.close();
});

scenario('an upgrade of all of them', () => browser, async () => {
  lab.nodes.node1.cli('start', lab.file('release-2'), '--key', lab.file('operator.sec'), '--allow-single-slot');
  const { upgrade } = await lab.nodes.node1.get('/v1/mesh');
  await crowd.join(upgrade);
  const page = await browser.open(lab.nodes.node1, { size: SIZES.wide });
  await page.step('fetch');
  await crowd.change(COUNT, 0.5);
  await page.find('.legend button', { hasText: 'Fetching firmware' }).getByText(`${COUNT - 1}`).waitFor();
  await page.fits('five hundred routers, wide');
  await page.setSize(SIZES.small);
  await page.fits('five hundred routers, narrow');
  await page.picture('crowd-fetch');
  await page.close();
});
