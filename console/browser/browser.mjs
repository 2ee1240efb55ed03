// What the tests share: a browser, and judgement of what it shows.
import { createRequire } from 'node:module';
import { mkdirSync, readFileSync } from 'node:fs';

const require = createRequire(process.env.NODE_PATH + '/');
const { chromium } = require('playwright-core');
export const plan = JSON.parse(process.env.PLAN);
export const say = (text) => console.log(text);
export function check(ok, text) { if (!ok) throw new Error(text); }

let axe = '';
try { axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8'); } catch { say('axe-core is not installed: accessibility is not looked at'); }

export const context = await chromium.launchPersistentContext(plan.profile, {
  executablePath: plan.browser, headless: true, ignoreHTTPSErrors: true, bypassCSP: false, viewport: { width: 1360, height: 900 },
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
export const page = context.pages()[0] ?? await context.newPage();
page.setDefaultTimeout(30000);
/** What the browser may say in its console: refusals that a script asks for. */
export const expected = [/status of (400|401|403|502|503)|ERR_/];
const complaints = [];
page.on('pageerror', (e) => complaints.push(`script: ${e.message}`));
page.on('console', (m) => { if (m.type() === 'error' && !expected.some((e) => e.test(m.text()))) complaints.push(`console: ${m.text()}`); });

export async function accessible(what) {
  if (!axe) return;
  await page.evaluate(axe); // by the devtools protocol, which the page's policy does not bind
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa'] }));
  const bad = violations.filter((v) => ['serious', 'critical'].includes(v.impact));
  check(!bad.length, `${what}: ${bad.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160) + ' ' + (n.any[0]?.message ?? '')).join(' | ')}`).join('\n')}`);
}

/** Waits until the page is drawn for the window as it is: its ring, its charts, and its name in the menu in sight. */
const drawn = () => page.waitForFunction(() => {
  const ring = document.getElementById('ring');
  const charts = [...document.querySelectorAll('.chart')].filter((el) => el.clientWidth);
  const name = document.querySelector('nav a[aria-current]');
  return (!ring || ring.width === Math.round(ring.clientWidth * devicePixelRatio))
    && charts.every((el) => el.querySelector('.u-wrap')?.clientWidth === el.clientWidth)
    && (!name || name.getBoundingClientRect().right <= innerWidth);
});

/** Each size and theme in turn, by name; the page is as it was when they end. */
async function* views() {
  for (const scheme of ['light', 'dark']) {
    for (const [size, viewport] of Object.entries({ desktop: { width: 1360, height: 900 }, phone: { width: 390, height: 844 } })) {
      await page.emulateMedia({ colorScheme: scheme });
      await page.setViewportSize(viewport);
      await drawn();
      yield `${size}-${scheme}`;
    }
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 1360, height: 900 });
}

/** Judges the page as it is, with a picture if one is wanted. */
async function judge(name) {
  if (plan.shots) {
    mkdirSync(plan.shots, { recursive: true });
    await page.screenshot({ path: `${plan.shots}/${name}.png`, fullPage: true });
  }
  await accessible(name);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  check(wide <= 0, `${name} is ${wide} pixels wider than the window`);
}

/** Judges the page in every size and theme. */
export async function look(name) {
  for await (const view of views()) await judge(`${name}-${view}`);
}

/** Does the steps, and ends with 0 if all is as it should be. */
export async function run(steps) {
  let failed = null;
  try {
    await steps();
    check(!complaints.length, complaints.join('\n'));
  } catch (e) {
    failed = e;
    if (plan.shots) await page.screenshot({ path: `${plan.shots}/failed.png` }).catch(() => {});
  }
  await context.close();
  if (failed) {
    console.log(complaints.join('\n'));
    console.log(failed.stack);
    process.exit(1);
  }
  say('all as it should be');
}
