// What TestSetupInABrowser does in the browser.
import { accessible, check, look, page, plan, run, say } from './browser.mjs';

const url = plan.urls[0];

await run(async () => {
  await page.goto(url.replace(/#.*/, '#wrong'));
  await page.getByText('this is not the address that thresher init has printed').waitFor();
  await page.goto('about:blank');
  await page.goto(url);
  await page.getByLabel('Shared address').waitFor();
  check(!page.url().includes('#'), `the token stays in the address: ${page.url()}`);
  await look('setup-questions');

  // Wrong answers are said beside the question, and change nothing.
  await page.getByLabel('Shared address').fill('192.0.2.x');
  await page.getByRole('button', { name: 'Look at the configuration' }).click();
  await page.getByText('give an address such as 192.0.2.100').waitFor();
  check(await page.getByLabel('Shared address').getAttribute('aria-invalid') === 'true', 'the wrong answer is not marked');
  await accessible('a wrong answer');
  await page.getByLabel('Shared address').fill(plan.client);
  await page.getByLabel('TCP ports').fill('');
  await page.keyboard.press('Enter');
  await page.getByText('give the ports that the farm serves').waitFor();
  await page.getByLabel('TCP ports').fill('80');
  await page.keyboard.press('Enter');
  await page.getByText(`address: "${plan.client}"`).waitFor();
  await look('setup-plan');

  // The page survives being loaded again, and another browser does not get in.
  await page.reload();
  await page.getByLabel('Shared address').fill(plan.client);
  await page.getByRole('button', { name: 'Look at the configuration' }).click();
  await page.getByRole('button', { name: 'Change the answers' }).click();
  check(await page.getByLabel('Shared address').inputValue() === plan.client, 'going back has lost the answers');
  await page.getByRole('button', { name: 'Look at the configuration' }).click();
  const token = url.split('#')[1];
  const stolen = await page.evaluate(async (secret) => (await fetch('/v1/open', { method: 'POST', body: JSON.stringify({ secret }) })).json(), token);
  check(/another browser/.test(stolen.message), `a used token is answered by ${JSON.stringify(stolen)}`);

  say('about to write');
  await page.getByRole('button', { name: 'Write it' }).click();
  await page.getByText('This machine is set up').waitFor();
  await look('setup-done');
});
