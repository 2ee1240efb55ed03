// What TestConsoleInABrowser does in the browser. It exits with 0 if all is as it
// should be, and else says on its last lines what is not.
import { mkdirSync } from 'node:fs';
import { accessible, check, context, look, page, plan, run, say } from './browser.mjs';

const [first, second, third] = plan.nodes;
const outside = [];
page.on('request', (r) => { if (!plan.urls.some((u) => r.url().startsWith(u)) && !/^(blob|data):/.test(r.url())) outside.push(r.url()); });

async function timed(name, f) {
  const begun = Date.now();
  const result = await f();
  say(`${name}: ${Date.now() - begun} ms`);
  return result;
}

async function login(url, user) {
  await page.goto(url + '/');
  await page.getByLabel('Name').fill(user);
  await page.getByLabel('Password').fill(plan.password);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.locator('.node').nth(2).waitFor();
}

/** Waits until the nodes have about these shares, in %. */
const shares = (want) => page.waitForFunction((want) => Object.entries(want).every(([name, share]) => {
  const text = document.querySelector(`.node[data-key="${name}"] .share`)?.textContent;
  return text && Math.abs(parseFloat(text) - share) < 3;
}), want);

const state = (node, text) => page.locator(`.node[data-key="${node}"] .state`, { hasText: new RegExp(`^${text}$`) }).waitFor();

async function press(action, node) {
  await page.getByRole('button', { name: `${action} ${node}`, exact: true }).click();
  const dialog = page.getByRole('dialog');
  const text = await dialog.innerText();
  await dialog.getByRole('button', { name: action, exact: true }).click();
  return text;
}

/** What each page shows once it has what it asks the nodes for. */
const whole = { farm: '#ring', rules: 'table.fold', health: '.timeline li', events: '.events tbody tr', traffic: '#chart-fate canvas', config: '.diff .plus' };

async function pictures() {
  if (!plan.shots) return;
  for (const [name, part] of Object.entries(whole)) {
    await page.goto(`${plan.urls[0]}/#${name}`);
    await page.locator(part).first().waitFor();
    await look(name);
  }
}

async function steps() {
  await timed('first page', () => page.goto(plan.urls[0] + '/'));
  const paint = await page.evaluate(() => new Promise((done) => new PerformanceObserver((l) => l.getEntriesByName('first-contentful-paint').forEach((e) => done(e.startTime))).observe({ type: 'paint', buffered: true })));
  say(`first contentful paint: ${Math.round(paint)} ms`);
  await accessible('login');
  if (plan.shots) { mkdirSync(plan.shots, { recursive: true }); await page.screenshot({ path: `${plan.shots}/login-desktop-light.png` }); }
  await page.getByLabel('Name').fill('control');
  await page.getByLabel('Password').fill('wrong');
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByText('the name or the password is wrong').waitFor();

  await login(plan.urls[0], 'control');
  await shares({ [first]: 33.3, [second]: 33.3, [third]: 33.3 });
  for (const n of plan.nodes) await state(n, 'up');
  await accessible('farm');

  const told = await press('Drain', second);
  check(told.includes(`${first} (then`) && told.includes('50'), `the question does not say who takes over: ${told}`);
  await timed(`${second} drained and seen`, () => shares({ [first]: 50, [second]: 0, [third]: 50 }));
  await state(second, 'stopped');
  await page.getByText(`${second}: drains`).waitFor();
  await press('Start', second);
  await timed(`${second} started and seen`, () => shares({ [first]: 33.3, [second]: 33.3, [third]: 33.3 }));

  // The keyboard alone opens and leaves the question.
  await page.getByRole('button', { name: `Stop ${third}`, exact: true }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  await shares({ [third]: 33.3 });

  await page.goto(plan.urls[0] + '/#rules');
  await page.getByLabel('Client address').fill(plan.client);
  await page.getByRole('button', { name: 'Find out' }).click();
  await page.getByText(/serves it, by bucket \d+ of rule web/).waitFor();
  await page.goto(plan.urls[0] + '/#events');
  await page.getByRole('cell', { name: new RegExp(`control \\(control\\): drain ${second}`) }).first().waitFor();
  await page.getByLabel('Search').fill('nothing has this text');
  await page.getByText('No event matches.').waitFor();
  await page.locator('select[name=node]').selectOption(second);
  await page.getByLabel('Search').fill('by node');
  await page.getByRole('cell', { name: /by node/ }).first().waitFor();
  await page.goto(plan.urls[0] + '/#traffic');
  await page.locator('#chart-fate canvas').waitFor();
  // Its charts take the system's other colors at once.
  await page.locator('#chart-fate .uplot').evaluate((el) => { el.dataset.light = ''; });
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.locator('#chart-fate .uplot:not([data-light])').waitFor();
  await page.emulateMedia({ colorScheme: 'light' });

  await page.getByRole('button', { name: 'Log out' }).click();
  await page.getByLabel('Password').waitFor();
  await configuration();

  await page.goto(plan.urls[0] + '/#farm');
  await state(third, 'up');
  say('please kill the last node');
  await timed(`${third} killed and seen`, () => state(third, 'unreachable'));
  await shares({ [first]: 50, [second]: 50 });

  await page.getByRole('button', { name: 'Log out' }).click();
  await page.getByLabel('Password').waitFor();
  await login(plan.urls[1], 'monitor');
  check(await page.getByRole('button', { name: /Drain|Stop|Start|Restart/ }).count() === 0, 'who may only look is shown buttons');
  const answer = await page.evaluate(async () => {
    const { csrf } = await (await fetch('/v1/session')).json();
    const r = await fetch('/v1/farm/stop?all=1', { method: 'POST', headers: { 'X-CSRF-Token': csrf } });
    return [r.status, (await r.json()).code];
  });
  check(answer[0] === 403 && answer[1] === 'forbidden', `a monitor's stop is answered by ${answer}`);
  await context.clearCookies();
  await page.reload();
  await page.getByLabel('Password').waitFor(); // the session is gone
  check(!outside.length, `asked for from elsewhere: ${outside}`);
}

/** Waits until the farm has kept a configuration, or gone back. */
const decided = (text) => page.locator('.trial', { hasText: text }).waitFor({ timeout: 60000 });

async function edit(change) {
  const area = page.locator('#text');
  await page.waitForFunction(() => document.getElementById('text')?.value.includes('rules:'));
  await area.fill(change(await area.inputValue()));
}

/** An admin halves a node's weight, and tries what breaks the farm. */
async function configuration() {
  await login(plan.urls[0], 'admin');
  await page.goto(plan.urls[0] + '/#config');
  await page.locator('#config select[name=node]').selectOption(second);
  await page.getByLabel('Change every node').uncheck();
  await page.getByText(`on ${second}`).waitFor();
  await edit((text) => text.replace('protocol: tcp', 'protocol: tcp, weight: 50'));
  await page.locator('#text').evaluate((el) => { // the cursor into a key
    el.selectionStart = el.selectionEnd = el.value.indexOf('protocol') + 2;
    el.click();
  });
  await page.locator('.about', { hasText: 'rules[].protocol one of tcp, udp' }).waitFor();
  await page.getByRole('button', { name: 'Validate' }).click();
  await page.getByText('rules.web.weight: 50, was 100').waitFor();
  await page.locator('.diff .plus', { hasText: 'weight: 50' }).waitFor();
  await accessible('configuration');
  await pictures();
  await page.getByRole('button', { name: 'Apply' }).click();
  await timed('a weight tried and kept', () => decided('Kept'));
  await page.goto(plan.urls[0] + '/#farm');
  await shares({ [first]: 40, [second]: 20, [third]: 40 });

  await page.goto(plan.urls[0] + '/#config');
  await page.locator('#config select[name=node]').selectOption('');
  await page.getByLabel('Change every node').check();
  await page.getByText(`on ${first}`).waitFor();
  await edit((text) => text.replace('\nrules:', '\nnonsense: 1\nrules:'));
  await page.getByRole('button', { name: 'Apply' }).click();
  await page.getByText('Not every node can take this').waitFor();
  await edit((text) => text.replace('nonsense: 1\n', '') + 'checks:\n  - {name: never, type: tcp, target: "127.0.0.1:1", interval: 200ms, timeout: 100ms, action: wait}\n');
  await page.getByRole('button', { name: 'Apply' }).click();
  await decided('On trial');
  await page.getByText('is not up').or(page.getByText('is down')).first().waitFor();
  await page.getByRole('button', { name: 'Go back now' }).click(); // its own timers are another test's
  await timed('gone back', () => decided('Gone back'));
  await page.goto(plan.urls[0] + '/#farm');
  await shares({ [first]: 40, [second]: 20, [third]: 40 });
  // Back to the weight before, for what follows.
  await page.goto(plan.urls[0] + '/#config');
  await page.locator('#config select[name=node]').selectOption(second);
  await page.getByLabel('Change every node').uncheck();
  await page.getByText(`on ${second}`).waitFor();
  await edit((text) => text.replace(', weight: 50', ''));
  await page.getByRole('button', { name: 'Apply' }).click();
  await page.goto(plan.urls[0] + '/#farm');
  await shares({ [first]: 33.3, [second]: 33.3, [third]: 33.3 });
}

await run(steps);
