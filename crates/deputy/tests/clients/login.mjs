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
  await page.click('[name=decision][value=allow]');
  await page.waitForURL((url) => url.pathname === '/callback');
  const said = await page.locator('body').innerText();
  // A policy of a page's that it breaks itself is said here.
  assert.deepEqual(complaints, []);
  console.log(said);
} finally {
  await browser.close();
}
