// Somebody at a real browser (CHROMIUM) opens LINK, signs in as USERNAME with PASSWORD, allows, and is sent back to the
// program that waits. Prints the page that they end at. What drives the browser is in DEPUTY_TEST_NODE_DIR.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

const { chromium } = createRequire(`${process.env.DEPUTY_TEST_NODE_DIR}/`)('playwright-core');
const { LINK, USERNAME, PASSWORD, CHROMIUM } = process.env;

const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ['--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-quic'],
});
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(20_000);
  const complaints = [];
  // Browsers ask every site for an icon.
  const isOfIcon = (message) => message.location().url.endsWith('/favicon.ico');
  page.on('console', (message) => { if (message.type() === 'error' && !isOfIcon(message)) complaints.push(message.text()); });
  page.on('pageerror', (error) => complaints.push(`${error}`));
  await page.goto(LINK);
  await page.fill('[name=username]', USERNAME);
  await page.fill('[name=password]', PASSWORD);
  await page.press('[name=password]', 'Enter');
  // Who uses keys decides at once, also while the buttons take no clicks; and has to go there first.
  const allow = page.locator('[name=decision][value=allow]');
  await allow.waitFor();
  await page.evaluate(() => {
    for (const button of document.querySelectorAll('[name=decision]')) button.style.animationDuration = '1000s';
  });
  assert.equal(await page.evaluate(() => document.activeElement === document.body), true);
  while (!await allow.evaluate((button) => document.activeElement === button)) await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.waitForURL((url) => url.pathname === '/callback');
  const said = await page.locator('body').innerText();
  // A policy of a page's that it breaks itself is said here.
  assert.deepEqual(complaints, []);
  console.log(said);
} finally {
  await browser.close();
}
