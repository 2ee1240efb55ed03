// What TestPaint does in the browser: it says how soon something of the console is
// drawn, and how soon a bare text of the same server is; and how soon the farm is.
import { check, context, expected, page, plan, run, say } from './browser.mjs';

const bare = '/vendor/uPlot.LICENSE';
const devtools = await context.newCDPSession(page);
expected.push(/status of 404/); // the icon that a browser looks for where a text names none

/** Goes to a page as on a first visit. */
async function visit(path, options = {}) {
  await page.goto('about:blank');
  await devtools.send('Network.clearBrowserCache');
  await page.goto(plan.urls[0] + path, options);
}

/** Says when the page has drawn something, and what has come by then, in bytes. */
const painted = () => page.evaluate(() => new Promise((done) => new PerformanceObserver((l) => l.getEntriesByName('first-contentful-paint').forEach((e) => done([
  e.startTime,
  [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].reduce((sum, r) => sum + r.transferSize, 0),
].join(' ')))).observe({ type: 'paint', buffered: true })));

/** Has the scripts come only when something is drawn without them. */
async function held() {
  let release;
  const drawn = new Promise((done) => { release = done; });
  const scripts = (url) => url.pathname.endsWith('.js') && !['/theme.js', '/start.js'].includes(url.pathname);
  await page.route(scripts, (route) => drawn.then(() => route.continue()));
  await visit('/', { waitUntil: 'commit' });
  await painted();
  check(await page.getByRole('link', { name: 'Thresher' }).isVisible(), 'what is drawn without scripts is not the frame');
  check(await page.getByLabel('Password').count() === 0, 'the scripts were not held');
  release();
  await page.getByLabel('Password').waitFor();
  await page.unroute(scripts);
}

await run(async () => {
  await visit('/');
  say(`first ${await painted()}`); // with the start of the browser, and TLS
  await held();
  for (let i = 0; i < plan.rounds; i++) {
    await visit(bare);
    say(`bare ${await painted()}`);
    await visit('/');
    await page.getByLabel('Password').waitFor(); // so that all has come
    say(`console ${await painted()}`);
  }
  await page.getByLabel('Name').fill('monitor');
  await page.getByLabel('Password').fill(plan.password);
  await page.getByRole('button', { name: 'Log in' }).click();
  for (let i = 0; i < plan.rounds; i++) {
    await page.waitForFunction(() => document.querySelectorAll('.node.is-up').length === 32);
    await visit('/', { waitUntil: 'commit' });
    await page.waitForFunction(() => document.querySelectorAll('.node.is-up').length === 32);
    say(`farm ${await page.evaluate(() => performance.now())} 0`);
  }
  check(await page.locator('.node').count() === 32, 'nodes are missing');
});
