// What TestLagOfAFarmOf32 does in the browser: it says when it has seen which change.
import { check, look, page, plan, run, say } from './browser.mjs';

await run(async () => {
  await page.goto(plan.urls[0] + '/');
  await page.getByLabel('Name').fill('monitor');
  await page.getByLabel('Password').fill(plan.password);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.waitForFunction(() => document.querySelectorAll('.node.is-up').length === 32);

  await page.exposeFunction('seen', (number, at) => say(`seen ${number} ${at}`));
  await page.evaluate(() => {
    const known = new Set();
    new MutationObserver(() => {
      const at = performance.timeOrigin + performance.now();
      for (const why of document.querySelectorAll('.node .why')) {
        const number = why.textContent.match(/^change (\d+)$/)?.[1];
        if (!number || known.has(number)) continue;
        known.add(number);
        globalThis.seen(number, at);
      }
      globalThis.count = known.size;
    }).observe(document.getElementById('main'), { subtree: true, childList: true, characterData: true });
  });
  say('ready');
  await page.waitForFunction((all) => globalThis.count === all, plan.changes, { timeout: 160000 });
  check(await page.locator('.node').count() === 32, 'nodes are missing');
  await page.getByText(/Check http is down on \d+ nodes/).waitFor(); // among what needs a look
  await page.goto(plan.urls[0] + '/#health');
  await page.getByLabel('down once in the last hour').first().waitFor();
  if (plan.shots) {
    await look('health-of-32');
    await page.goto(plan.urls[0] + '/#rules');
    await look('rules-of-32');
    await page.goto(plan.urls[0] + '/#farm');
    await look('farm-of-32-changed');
  }
});
