// SPDX-License-Identifier: AGPL-3.0-or-later
/** New firmware is on trial and one router is dead: it is kept without that one, by name. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { grid, Lab } from './lab.mjs';
import { Browser } from './phone.mjs';

let lab, browser;

before(async () => {
  lab = await Lab.start({ topology: grid(2, 2) });
  await lab.acquainted();
  browser = await Browser.start(lab);
});

after(async () => {
  await browser?.stop();
  await lab?.stop();
});

test('a router dies on trial, and the others keep the new firmware without it', async () => {
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
  await lab.inState('CONFIRMATION_PENDING');
  await node4.powerOff();

  // The page was open all the while: it comes back by itself.
  await page.step('keep');
  await page.thing('without').waitFor();
  await page.sees('node4');
  await page.inspect('one is missing');
  await page.picture('upgrade-without');
  await page.press('without');
  const asked = page.find('[role=dialog]');
  await asked.getByText('node4').first().waitFor();
  await page.press('confirm-really');
  await lab.every(async node => (await node.status()).state === 'UPDATED', 'the new firmware, kept', others);
  const { upgrade } = await node1.get('/v1/mesh');
  assert.equal(upgrade.phase, 'confirmed');
  await page.step('choose');
  await page.close();
});
