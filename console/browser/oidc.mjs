// What TestIssuerInABrowser does in the browser.
import { check, look, page, plan, run } from './browser.mjs';

await run(async () => {
  await page.goto(plan.urls[0] + '/');
  const button = page.getByRole('button', { name: /^Log in by 127\.0\.0\.1/ });
  await button.waitFor();
  await look('login-oidc');
  await button.click();
  await page.locator('.node').first().waitFor();
  check(page.url() === plan.urls[0] + '/', `the code stays in the address: ${page.url()}`);
  await page.getByText('oidc alice').waitFor();
  await page.reload();
  await page.locator('.node').first().waitFor(); // the session stays
  check(await page.getByRole('link', { name: 'Configuration' }).count() === 0, 'who has the role control is shown the configuration');
  const back = page.waitForResponse((r) => r.url() === plan.urls[0] + '/login'); // from the issuer
  await page.getByRole('button', { name: 'Log out' }).click();
  await back;
  await button.waitFor();

  // An answer that this browser has not asked for.
  await page.goto(plan.urls[0] + '/login?state=x&code=y');
  await page.getByText('the login was not begun in this browser').waitFor();
  await look('login-refused');
});
