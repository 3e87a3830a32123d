// SPDX-License-Identifier: AGPL-3.0-or-later
/** What is told of upgrades afterwards, and what of it can be saved. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { until } from './lab.mjs';
import { scenario, SIZES, stage } from './phone.mjs';
import { books } from './words.mjs';

const AHEAD_S = 5 * 3600;

let lab, browser;

stage({ topology: 'node1 --- node2 --- node3' }, made => ({ lab, browser } = made));

const operate = (...words) => lab.nodes.node1.cli(...words, '--key', lab.file('operator.sec'));

async function download(page, what) {
  const [saved] = await Promise.all([page.page.waitForEvent('download'), page.press(what)]);
  return { name: saved.suggestedFilename(), bytes: readFileSync(await saved.path()) };
}

scenario('an upgrade that is under way is told while it goes on, and its end', () => browser, async () => {
  const page = await browser.open(lab.nodes.node1, { place: 'history' });
  await page.says('past.none');
  operate('start', lab.file('release-2'));
  await page.says('past.open');
  await page.says('by');
  await lab.inState('UPGRADE_READY');
  operate('abort');
  await page.says('past.end.aborted');
  await page.says('past.by.abort');
  await page.close();
});

scenario('what happened is drawn, listed and saved, by the clock of the phone', () => browser, async () => {
  operate('start', lab.file('release-2'), '--confirm', 'auto');
  await lab.inState('UPGRADE_READY');
  await lab.every(async node => (await node.get('/v1/mesh'))?.nodes.every(({ state }) => state === 'UPGRADE_READY'),
    'a node that knows that all are ready', [lab.nodes.node1]);
  operate('schedule', '--in', '2s', '--confirm-window', '60s');
  await lab.every(async node => (await node.get('/v1/history'))?.upgrades[0].phase === 'confirmed', 'an upgrade that is over');
  const { now, upgrades } = await lab.nodes.node1.get('/v1/history');
  const [upgrade] = upgrades;

  const page = await browser.open(lab.nodes.node1, {
    place: 'history',
    size: SIZES.small,
    prepare: [ahead => window.setClock(Date.now() + ahead * 1000), AHEAD_S],
  });
  const card = page.find(`[data-upgrade="${upgrade.id}"]`);
  await card.getByText(books.en['past.end.confirmed']).waitFor();
  // The node's clock is not the phone's: what is shown fits the phone's.
  const begun = await page.page.evaluate(s => new Date(s * 1000).toLocaleTimeString('en', { hour: '2-digit', minute: '2-digit' }),
    upgrade.begun + AHEAD_S);
  const next = await page.page.evaluate(s => new Date(s * 1000).toLocaleTimeString('en', { hour: '2-digit', minute: '2-digit' }),
    upgrade.begun + AHEAD_S + 1);
  const line = await card.locator('li').first().textContent();
  assert.ok(line.includes(begun) || line.includes(next), `${line}: ${begun}, ${upgrade.begun}, ${now}`);
  assert.match(line, /operator/);

  for (const name of Object.keys(lab.nodes))
    await card.locator('svg text').getByText(name, { exact: true }).waitFor();
  await page.press('table');
  for (const { name, states } of upgrade.nodes) {
    const rows = card.locator('tbody').filter({ hasText: name }).locator('tr');
    // A long table comes in parts.
    await until(async () => (await rows.count()) === 1 + states.length, `${states.length} states of ${name}`);
    assert.match(await rows.last().textContent(), new RegExp(books.en['state.UPDATED']));
  }
  await page.press('log');
  const { entries } = await lab.nodes.node1.get('/v1/log');
  await page.sees(entries[0].text);
  await page.inspect('history, opened');
  await page.picture('history-open');

  const picture = await download(page, 'picture');
  assert.match(picture.name, /^lockstep-lab-Demo-2\.0-\d{4}-\d\d-\d\d\.png$/);
  assert.equal(picture.bytes.toString('latin1', 1, 4), 'PNG');
  assert.ok(picture.bytes.readUInt32BE(16) > 1000, 'wide enough to be read');

  const file = await download(page, 'report');
  assert.match(file.name, /\.json$/);
  const report = JSON.parse(file.bytes.toString());
  assert.deepEqual(report.upgrade, upgrade);
  assert.equal(report.mesh.nodes.length, 3);
  assert.ok(report.log.entries.length > 0);
  assert.equal(report.status.name, 'node1');
  assert.match(report.browser, /Chrom/);
  const secret = readFileSync(lab.file('operator.sec'), 'utf8').split('\n')[1];
  assert.ok(!file.bytes.includes(secret));
  await page.close();
});
