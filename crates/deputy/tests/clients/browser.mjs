// Somebody at a real browser: opens LINK, signs in as USERNAME with PASSWORD where asked, ticks SCOPES (a JSON list)
// where there is such a list, allows, and arrives where the client listens. Prints where, and what stood on the page.
//
// CHROMIUM is the browser; what drives it is in DEPUTY_TEST_NODE_DIR.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const { chromium } = createRequire(`${process.env.DEPUTY_TEST_NODE_DIR}/`)('playwright-core');
const { LINK, USERNAME, PASSWORD, CHROMIUM } = process.env;
const scopes = JSON.parse(process.env.SCOPES ?? 'null');

// The client that waits for its answer, and sends people on to a page of its maker's, as some do.
const callback = new URL(new URL(LINK).searchParams.get('redirect_uri'));
const maker = createServer((_, answer) => answer.end('You can close this page.'));
await new Promise((ready) => { maker.listen(0, '127.0.0.1', ready); });
const farewell = `http://127.0.0.1:${maker.address().port}/`;
let sent_to;
const client = createServer((asked, answer) => {
  sent_to = new URL(asked.url, callback).href;
  answer.writeHead(302, { location: farewell }).end();
});
await new Promise((ready) => { client.listen(Number(callback.port), callback.hostname, ready); });

const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ['--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-quic'],
});
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(20_000);
  const complaints = [];
  page.on('console', (message) => { if (message.type() === 'error') complaints.push(message.text()); });
  page.on('pageerror', (error) => complaints.push(`${error}`));
  await page.goto(LINK);
  if (await page.locator('[name=password]').count() > 0) {
    await page.fill('[name=username]', USERNAME);
    await page.fill('[name=password]', PASSWORD);
    await page.press('[name=password]', 'Enter');
  }
  const allow = page.locator('[name=decision][value=allow]');
  await allow.waitFor();
  // Who double-clicks a window that lies over this one, and goes away in between, allows nothing: neither where the
  // pointer comes to a page that was there for long, nor where the page has just come. Here those seconds are long.
  const wait = (seconds) => page.evaluate((duration) => {
    for (const button of document.querySelectorAll('[name=decision]')) button.style.animationDuration = duration;
  }, seconds);
  const takesClicks = () => allow.evaluate((button) => getComputedStyle(button).pointerEvents !== 'none');
  await allow.scrollIntoViewIfNeeded();
  const place = await allow.boundingBox();
  const [x, y] = [place.x + place.width / 2, place.y + place.height / 2];
  await wait('0s, 1000s');
  assert.equal(await takesClicks(), true, 'it was there for long, and no pointer came');
  await page.mouse.dblclick(x, y);
  assert.equal(await takesClicks(), false, 'the pointer has just come');
  await wait('0s');
  assert.equal(await takesClicks(), true, 'both seconds are over');
  await wait('1000s, 0s');
  assert.equal(await takesClicks(), false, 'the page has just come');
  await page.mouse.dblclick(x, y);
  assert.equal(sent_to, undefined);
  await wait('');
  for (const box of scopes ? await page.locator('[name=scope]').all() : []) {
    if (await box.isEnabled()) await box.setChecked(scopes.includes(await box.getAttribute('value')));
  }
  const consent = await page.locator('body').innerText();
  await allow.click();
  await page.waitForURL(farewell);
  // A policy of the page's that it breaks itself is said here.
  assert.deepEqual(complaints, []);
  console.log(JSON.stringify({ sent_to, consent }));
} finally {
  await browser.close();
  client.close();
  maker.close();
}
