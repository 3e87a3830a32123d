// SPDX-License-Identifier: AGPL-3.0-or-later
/** A phone, or a laptop: Chromium in the lab's network, and what a person does with it. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { Lab, PATIENCE_MS, PHRASE, processIn, ROOT } from './lab.mjs';
import { patternOf } from './words.mjs';

export const SIZES = { small: { width: 320, height: 640 }, tablet: { width: 768, height: 1024 }, wide: { width: 1280, height: 800 } };
const SCREENS = join(ROOT, 'build/test-logs/screens');
const LONGEST = 4000;
const DRAWN_MS = 1000;
/** Nothing that hangs may hang for ever. */
const SCENARIO_MS = 240000;
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Runs in the page before all else: its clock can be put forward and back, as a phone's. */
function adjustableClock() {
  const Real = Date;
  let aheadMs = 0;
  window.setClock = ms => (aheadMs = ms - Real.now());
  window.Date = class extends Real {
    constructor(...parts) {
      if (parts.length > 0)
        super(...parts);
      else
        super(Real.now() + aheadMs);
    }

    static now() {
      return Real.now() + aheadMs;
    }
  };
}

export class Browser {
  static async start(lab) {
    const browser = new Browser();
    browser.pages = new Set();
    browser.chromium = await chromium.launch({
      executablePath: join(ROOT, 'tests/web/in-the-mesh'),
      env: { ...process.env, LOCKSTEP_PHONE: processIn(lab.phone.netns) },
      args: ['--disable-gpu'],
    });
    return browser;
  }

  stop() {
    return this.chromium.close();
  }

  /** What somebody would want to see of a test that failed: the pages that are open then. */
  async witness(name) {
    mkdirSync(SCREENS, { recursive: true });
    for (const { page, complaints } of this.pages) {
      const path = join(SCREENS, `FAILED-${name.replace(/\W+/g, '-')}.png`);
      await page.screenshot({ path, fullPage: true }).then(() => console.error(`the page then: ${path}`), console.error);
      if (complaints.length > 0)
        console.error(complaints);
      await page.context().close();
    }
  }

  /**
   * Opens a node's page; `place` is mesh, upgrade or history. `slower`: how many times the processor is slowed down;
   * `prepare`: what runs in the page before all else, with its argument.
   */
  async open(node, { size = SIZES.small, dark = false, language = 'en', place = 'mesh', still = false, slower = 1, prepare } = {}) {
    const context = await this.chromium.newContext({
      viewport: size,
      colorScheme: dark ? 'dark' : 'light',
      locale: language,
      reducedMotion: still ? 'reduce' : 'no-preference',
    });
    context.setDefaultTimeout(PATIENCE_MS);
    await context.addInitScript(adjustableClock);
    if (prepare)
      await context.addInitScript(...prepare);
    const page = new Page(node, context, await context.newPage());
    this.pages.add(page);
    context.on('close', () => this.pages.delete(page));
    if (slower > 1)
      await (await context.newCDPSession(page.page)).send('Emulation.setCPUThrottlingRate', { rate: slower });
    await page.page.goto(`${node.url}/#${place}`);
    return page;
  }
}

export class Page {
  constructor(node, context, page) {
    this.node = node;
    this.context = context;
    this.page = page;
    this.asked = [];
    this.complaints = [];
    context.on('request', request => this.asked.push(request.url()));
    page.on('pageerror', error => this.complaints.push(`${error.name}: ${error.message}`));
    page.on('console', message => {
      // A router that is off, or refuses, is told of by the browser itself as well.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
        this.complaints.push(message.text());
    });
  }

  /** It has asked nobody but its own node, and complained of nothing. */
  async close() {
    await this.context.close();
    const strange = this.asked.filter(url => !url.startsWith(`${this.node.url}/`) && !/^(data|blob):/.test(url));
    assert.deepEqual(strange, [], 'the page asks nobody but the node that it came from');
    assert.deepEqual(this.complaints, []);
  }

  find(selector, options) {
    return this.page.locator(selector, options);
  }

  /** Whatever is there to press, fill in or choose has a name for tests. */
  thing(what) {
    return this.find(`[data-do="${what}"]`);
  }

  press(what) {
    return this.thing(what).click();
  }

  go(place) {
    return this.find(`nav a[href="#${place}"]`).click();
  }

  sees(text) {
    return this.page.getByText(text).first().waitFor();
  }

  /** The same for a phrase of web/words. */
  says(key) {
    return this.sees(patternOf(key));
  }

  /** Where it is in an upgrade: choose, check, fetch, time, countdown, install, keep. */
  step(name) {
    return this.find(`[data-step="${name}"]`).waitFor();
  }

  async unlockWithFile(path) {
    await this.thing('keyfile').setInputFiles(path);
  }

  async unlockWithPhrase(phrase = PHRASE) {
    await this.thing('phrase').fill(phrase);
    await this.press('derive');
  }

  /** At a full minute, which by this phone's clock is so many seconds away; then there is a window of a minute. */
  async scheduleIn(seconds) {
    const minute = await this.page.evaluate(before => {
      const ms = Math.ceil(Date.now() / 60000 + 1) * 60000;
      window.setClock(ms - before * 1000);
      const at = new Date(ms);
      return [at.getHours(), at.getMinutes()].map(value => String(value).padStart(2, '0')).join(':');
    }, seconds);
    await this.press('when-at');
    await this.thing('clock').fill(minute);
    await this.thing('window').fill('1');
    await this.press('schedule');
  }

  /** Everything that a person can read now, and what is read out instead. */
  texts() {
    return this.page.evaluate(() => {
      const found = [];
      const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      while (walker.nextNode()) {
        const { parentElement, data } = walker.currentNode;
        if (data.trim() && parentElement && !['SCRIPT', 'STYLE', 'NOSCRIPT'].includes(parentElement.tagName))
          found.push({ text: data.trim(), lang: parentElement.closest('[lang]')?.lang ?? '' });
      }
      for (const element of document.body.querySelectorAll('[aria-label], [title], [placeholder], [alt]'))
        for (const name of ['aria-label', 'title', 'placeholder', 'alt'])
          if (element.getAttribute(name))
            found.push({ text: element.getAttribute(name), lang: element.closest('[lang]')?.lang ?? '' });
      return found;
    });
  }

  async setSize(size) {
    await this.page.setViewportSize(size);
  }

  /**
   * In both colours, narrow and wide: nothing that axe finds, nothing that has to be moved sideways to be read. What is asked
   * on top of the page does not outlive a change of its width: that is looked at in one size.
   */
  async inspect(where, sizes = [SIZES.small, SIZES.wide]) {
    const before = this.page.viewportSize();
    for (const size of sizes)
      for (const colorScheme of ['light', 'dark']) {
        await this.page.emulateMedia({ colorScheme });
        await this.page.setViewportSize(size);
        await this.settled();
        const how = `${where}, ${size.width} pixels wide, ${colorScheme}`;
        await this.fits(how);
        await this.accessible(how);
      }
    await this.page.emulateMedia({ colorScheme: 'light' });
    await this.page.setViewportSize(before);
    await this.settled();
  }

  /** Drawn, with all that was decided by a change of size or colour. A browser that sees nothing to draw does not say so. */
  settled() {
    return this.page.evaluate(ms => new Promise(done => {
      requestAnimationFrame(() => requestAnimationFrame(done));
      setTimeout(done, ms);
    }), DRAWN_MS);
  }

  async fits(how) {
    const wider = await this.page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement;
      if (scrollWidth <= clientWidth)
        return [];
      return [...document.body.querySelectorAll('*')]
        .filter(element => element.getBoundingClientRect().right > clientWidth + 0.5)
        .map(element => `${element.tagName}.${element.className}: ${element.textContent.slice(0, 60)}`);
    });
    assert.deepEqual(wider, [], `${how}: something is wider than the screen`);
  }

  async accessible(how) {
    // Run by the browser itself: the page's own policy lets no other script in.
    await this.page.evaluate(`window.axe || (() => { ${AXE} })()`);
    const { violations } = await this.page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
    const told = violations.flatMap(({ id, help, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${help}\n  ${html.slice(0, 200)}\n  ${failureSummary}`));
    assert.equal(told.length, 0, `${how}:\n${told.join('\n')}`);
  }

  /** Pictures for people, at three sizes in light and dark. */
  async picture(name) {
    mkdirSync(SCREENS, { recursive: true });
    const before = this.page.viewportSize();
    for (const [size, viewport] of Object.entries(SIZES))
      for (const colorScheme of ['light', 'dark']) {
        await this.page.emulateMedia({ colorScheme });
        await this.page.setViewportSize(viewport);
        await this.settled();
        // As if the screen were so long: what keeps to its lower edge would else lie across the picture.
        const height = await this.page.evaluate(() => document.documentElement.scrollHeight);
        await this.page.setViewportSize({ ...viewport, height: Math.min(height, LONGEST) });
        await this.settled();
        await this.page.screenshot({ path: join(SCREENS, `${name}-${size}-${colorScheme}.png`) });
      }
    await this.page.emulateMedia({ colorScheme: 'light' });
    await this.page.setViewportSize(before);
  }
}

/** One lab, whose nodes know each other, and one browser for all scenarios of a file; `use` is given both. */
export function stage(options, use) {
  let lab, browser;
  before(async () => {
    lab = await Lab.start(options);
    await lab.acquainted();
    browser = await Browser.start(lab);
    use({ lab, browser });
  });
  after(async () => {
    await browser?.stop();
    await lab?.stop();
  });
}

/** A test with a browser, which `find` gives when it begins; leaves a picture if it fails. */
export function scenario(name, find, run) {
  test(name, { timeout: SCENARIO_MS }, async () => {
    try {
      await run();
    } catch (error) {
      await find()?.witness(name);
      throw error;
    }
  });
}
