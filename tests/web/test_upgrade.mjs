// SPDX-License-Identifier: AGPL-3.0-or-later
/** Upgrades of a mesh from their beginning to their end, by what a person touches in the page and nothing else. */
import assert from 'node:assert/strict';
import { grid } from './lab.mjs';
import { scenario, stage } from './phone.mjs';

let lab, browser;

stage({ topology: grid(2, 2), phrase: true }, made => ({ lab, browser } = made));

const updated = number => lab.every(async node => {
  const { state, version } = await node.status();
  return state === 'UPDATED' && version === `Demo ${number}.0`;
}, `Demo ${number}.0, confirmed, everywhere`);

const upgradeAt = async node => (await node.get('/v1/mesh')).upgrade;

scenario('from a release in the phone and a passphrase to new firmware everywhere', () => browser, async () => {
  const page = await browser.open(lab.nodes.node1, { place: 'upgrade' });
  await page.step('choose');
  await page.inspect('nothing chosen');
  await page.thing('upload').setInputFiles(lab.releaseFiles('release-2'));

  // A wrong passphrase changes nothing, and can be corrected.
  await page.unlockWithPhrase('six words that somebody else thought of');
  await page.says('key.wrong');
  await page.inspect('a wrong passphrase');
  assert.deepEqual((await lab.nodes.node1.get('/v1/releases')).releases, []);
  await page.unlockWithPhrase();

  // What was sent is chosen; it can be left, and chosen again.
  await page.step('check');
  await page.press('other');
  await page.find('article[data-release]').waitFor();
  await page.inspect('a release to choose');
  await page.picture('upgrade-choose');
  await page.press('choose');
  await page.step('check');
  await page.inspect('check');
  await page.picture('upgrade-check');
  assert.equal(await upgradeAt(lab.nodes.node4), null, 'nothing was ordered so far');
  await page.press('start');

  await page.step('time');
  for (const node of lab.list())
    assert.equal((await node.status()).state, 'UPGRADE_READY', node.name);
  await page.inspect('all are ready');
  await page.picture('upgrade-time');
  await page.scheduleIn(15);

  await page.step('countdown');
  await page.inspect('countdown');
  await page.picture('upgrade-countdown');
  await page.step('install');
  await page.find('.connection.lost').waitFor();
  await page.says('link.lost.installing');

  await page.step('keep');
  await page.thing('confirm').waitFor();
  await page.inspect('on trial');
  await page.picture('upgrade-keep');
  await page.press('confirm');
  await page.press('confirm-really');
  await updated(2);
  await page.step('choose');
  await page.inspect('it is over');
  await page.picture('upgrade-over');
  assert.equal((await upgradeAt(lab.nodes.node4)).phase, 'confirmed');
  await page.go('history');
  await page.sees('Demo 2.0');
  await page.inspect('history');
  await page.picture('history');
  await page.close();
});

scenario('the large button ends a countdown, and nobody has installed anything', () => browser, async () => {
  lab.nodes.node2.cli('start', lab.file('release-3'), '--key', lab.file('operator.sec'));
  const page = await browser.open(lab.nodes.node2, { place: 'upgrade' });
  await page.step('time');
  await page.press('unlock');
  await page.unlockWithFile(lab.file('operator.sec'));
  await page.thing('forget').waitFor();
  await page.scheduleIn(30);
  await page.step('countdown');
  const button = await page.thing('abort').boundingBox();
  assert.ok(button.height >= 56 && button.width >= 200, `it is large: ${JSON.stringify(button)}`);
  await page.press('abort');
  await page.thing('reason').fill('rain');
  await page.press('abort-really');
  await page.step('choose');
  await lab.inState('ABORTED');
  for (const node of lab.list()) {
    assert.notEqual((await node.status()).version, 'Demo 3.0');
    assert.equal((await upgradeAt(node)).phase, 'aborted');
  }
  await page.inspect('it was ended');
  await page.close();
});

scenario('a key file that the routers do not trust orders nothing', () => browser, async () => {
  const page = await browser.open(lab.nodes.node3, { place: 'upgrade' });
  await page.press('unlock');
  await page.unlockWithFile(lab.file('stranger.sec'));
  await page.says('key.trusted');
  await page.unlockWithFile(lab.file('release.pub'));
  await page.find('.dialog [role=alert]').waitFor();
  await page.page.keyboard.press('Escape');
  await page.thing('unlock').waitFor();
  await page.close();
});

scenario('from a release that the router has and a key file to new firmware everywhere', () => browser, async () => {
  // Offered by the upgrade that was ended.
  const page = await browser.open(lab.nodes.node2, { place: 'upgrade' });
  await page.find('article[data-release]', { hasText: 'Demo 3.0' }).locator('[data-do=choose]').first().click();
  await page.step('check');
  await page.press('start');
  await page.unlockWithFile(lab.file('operator.sec'));
  await page.step('time');
  await page.scheduleIn(8);
  await page.step('countdown');
  await page.step('keep');
  await page.press('confirm');
  await page.press('confirm-really');
  await updated(3);
  await page.close();
});
