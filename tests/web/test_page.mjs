// SPDX-License-Identifier: AGPL-3.0-or-later
/** The page itself, whatever the mesh does: where it looks, how it is read, and what it says without an answer. */
import assert from 'node:assert/strict';
import { BETA, grid } from './lab.mjs';
import { scenario, SIZES, stage } from './phone.mjs';
import { books, formsOf } from './words.mjs';

const PLACES = ['mesh', 'upgrade', 'history'];

let lab, browser;

stage({ topology: grid(2, 2) }, made => ({ lab, browser } = made));

scenario('shows every router of the mesh', () => browser, async () => {
  const page = await browser.open(lab.nodes.node1);
  await page.says('seen.from');
  for (const { name } of lab.list())
    await page.sees(name);
  assert.equal(await page.page.title(), 'lab · Lockstep');
  await page.close();
});

scenario('fits narrow and wide screens, and assistive technology, in every place', () => browser, async () => {
  const page = await browser.open(lab.nodes.node1);
  await page.says('seen.from');
  for (const place of PLACES) {
    await page.go(place);
    await page.inspect(place);
    await page.picture(`quiet-${place}`);
  }
  await page.close();
});

scenario('tells more of a router that is touched', () => browser, async () => {
  const page = await browser.open(lab.nodes.node1);
  await page.find('[role=rowheader] button', { hasText: 'node4' }).click();
  const dialog = page.find('[role=dialog]');
  await dialog.getByText(BETA).waitFor();
  await page.inspect('a router', [SIZES.small]);
  await page.page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  assert.match(await page.page.evaluate(() => document.activeElement.textContent), /node4/);
  await page.close();
});

scenario('asks nobody else, and could not', () => browser, async () => {
  const page = await browser.open(lab.nodes.node1);
  await page.says('seen.from');
  const answers = await page.page.evaluate(url => fetch(url, { mode: 'no-cors' }).then(() => 'came', () => 'refused'),
    `${lab.nodes.node2.url}/v1/status`);
  assert.equal(answers, 'refused');
  const [complaint] = page.complaints.splice(0);
  assert.match(complaint, /Content Security Policy/);
  assert.equal(page.asked.filter(url => url.startsWith(`${lab.nodes.node1.url}/assets/`)).length, 1, 'one bundle');
  await page.close();
});

scenario('nobody can lay it into a page of his own', () => browser, async () => {
  const page = await browser.open(lab.nodes.node1);
  const response = await page.page.reload();
  assert.equal(response.headers()['x-frame-options'], 'DENY');
  await page.close();
});

for (const language of Object.keys(books))
  scenario(`speaks ${language}`, () => browser, async () => {
    const page = await browser.open(lab.nodes.node1, { language });
    await page.find('nav a').first().waitFor();
    assert.equal(await page.find('html').getAttribute('lang'), language);
    const own = new Set(Object.values(books[language]).flatMap(formsOf));
    const english = new Set(Object.values(books.en).flatMap(formsOf).filter(phrase => !own.has(phrase)));
    for (const place of PLACES) {
      await page.go(place);
      await page.settled();
      for (const { text, lang } of await page.texts()) {
        assert.ok(!Object.hasOwn(books.en, text) || text === books[language][text], `${place}: a key for a phrase: ${text}`);
        assert.doesNotMatch(text, /\{[a-z]+\}/, `${place}: something was not filled in`);
        assert.ok(lang !== language || !english.has(text), `${place}: English: ${text}`);
      }
      await page.fits(`${place} in ${language}`);
    }
    await page.close();
  });

scenario('a language that was chosen is remembered', () => browser, async () => {
  const page = await browser.open(lab.nodes.node1);
  await page.find('select.language').selectOption('es');
  await page.sees(books.es['place.upgrade']);
  await page.page.reload();
  await page.sees(books.es['place.upgrade']);
  assert.equal(await page.find('html').getAttribute('lang'), 'es');
  await page.close();
});

scenario('can be used without a mouse', () => browser, async () => {
  const page = await browser.open(lab.nodes.node1, { size: SIZES.wide });
  await page.says('seen.from');
  await page.page.keyboard.press('Tab');
  await page.page.keyboard.press('Enter');
  assert.equal(await page.page.evaluate(() => document.activeElement.id), 'content');
  const seen = new Set();
  for (let i = 0; i < 60; i++) {
    await page.page.keyboard.press('Tab');
    const at = await page.page.evaluate(() => {
      const element = document.activeElement;
      const { width, height } = element.getBoundingClientRect();
      const { outlineStyle, boxShadow } = getComputedStyle(element);
      return { what: element.outerHTML.slice(0, 120), body: element === document.body, visible: width > 0 && height > 0,
        marked: outlineStyle !== 'none' || boxShadow !== 'none' };
    });
    if (at.body)
      break;
    assert.ok(at.visible, `focus on what nobody sees: ${at.what}`);
    assert.ok(at.marked, `nothing shows where the focus is: ${at.what}`);
    seen.add(at.what);
  }
  await page.close();
});

scenario('says that the router does not answer, and goes on when it does', () => browser, async () => {
  const page = await browser.open(lab.nodes.node1);
  await page.says('seen.from');
  await lab.nodes.node1.powerOff();
  await page.find('.connection.lost').waitFor();
  await page.says('link.lost');
  await page.fits('without an answer');
  await page.accessible('without an answer');
  await lab.nodes.node1.powerOn();
  await page.find('.connection.lost').waitFor({ state: 'detached' });
  await page.sees('node4');
  await page.close();
});

scenario('notices a link that is gone, though nobody closed it', () => browser, async () => {
  const page = await browser.open(lab.nodes.node1);
  await page.says('seen.from');
  await lab.link('phone', 'node1', false);
  await page.find('.connection.lost').waitFor();
  await lab.link('phone', 'node1', true);
  await page.find('.connection.lost').waitFor({ state: 'detached' });
  await page.close();
});
