// SPDX-License-Identifier: AGPL-3.0-or-later
/** New firmware is on trial and one router is dead: it is kept without that one, by name. */
import assert from 'node:assert/strict';
import { grid, until } from './lab.mjs';
import { scenario, SIZES, stage } from './phone.mjs';

let lab, browser;

stage({ topology: grid(2, 2) }, made => ({ lab, browser } = made));

scenario('a router dies in the middle of it, and the others keep the new firmware without it', () => browser, async () => {
  const { node1, node4 } = lab.nodes;
  const others = lab.list('node1', 'node2', 'node3');
  const page = await browser.open(node1, { place: 'upgrade' });
  await page.press('unlock');
  await page.unlockWithFile(lab.file('operator.sec'));
  node1.cli('start', lab.file('release-2'), '--key', lab.file('operator.sec'));
  await lab.inState('UPGRADE_READY');
  await page.step('time');
  await lab.every(async node => (await node.get('/v1/mesh'))?.nodes.every(({ state }) => state === 'UPGRADE_READY'),
    'a node that knows that all are ready', [node1]);
  node1.cli('schedule', '--key', lab.file('operator.sec'), '--in', '3s', '--confirm-window', '300s');
  await page.step('countdown');
  // It dies while all restart: of its trial nobody ever hears.
  await until(async () => !/^UPGRADE_/.test((await node4.status()).state ?? ''), 'a router that installs');
  await node4.powerOff();
  await lab.inState('CONFIRMATION_PENDING', others);

  // The page was open all the while: it comes back by itself, and so do two of the others.
  await page.step('keep');
  const missing = page.find('.notice-warn li');
  await until(async () => /^node4/.test((await missing.allTextContents()).join()), 'one that is missing');
  await page.inspect('one is missing');
  await page.picture('upgrade-without');
  await page.press('without');
  assert.match(await page.find('[role=dialog]').textContent(), /node4/);
  await page.inspect('asked whether without it', [SIZES.small]);
  await page.press('without-really');
  await lab.every(async node => (await node.status()).state === 'UPDATED', 'the new firmware, kept', others);
  await page.step('choose');
  const { upgrade } = await node1.get('/v1/mesh');
  assert.equal(upgrade.phase, 'confirmed');
  await page.close();
});
