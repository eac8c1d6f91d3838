// People with passkeys at a real browser, whose authenticators are Chromium's virtual ones: ALICE and BOB of URL, with
// PASSWORD. Prints what a person would have seen, one JSON object.
//
// CHROMIUM is the browser; what drives it is in DEPUTY_TEST_NODE_DIR.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

const { chromium } = createRequire(`${process.env.DEPUTY_TEST_NODE_DIR}/`)('playwright-core');
const { URL: base, ALICE, BOB, PASSWORD, CHROMIUM } = process.env;
const factors = `${base}settings/second-factor`;

const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ['--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-quic'],
});

// Somebody at a browser of their own, with an authenticator of their own.
async function sitDown() {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const complaints = [];
  page.on('console', (message) => {
    // What was refused with a status is said there too.
    if (message.type() === 'error' && !message.text().includes('status of 401')) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(`${error}`));
  const cdp = await context.newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  const device = (method, more = {}) => cdp.send(`WebAuthn.${method}`, { authenticatorId, ...more });
  return { context, page, complaints, device };
}

const path = (page) => new URL(page.url()).pathname;
const use = (page) => page.locator('form[data-passkey=use] button');

async function password(page, name) {
  await page.goto(`${base}login?again=1`);
  await page.fill('[name=username]', name);
  await page.fill('[name=password]', PASSWORD);
  await page.press('[name=password]', 'Enter');
  await page.waitForURL((url) => url.pathname !== '/login');
}

async function add(page, name) {
  await page.goto(factors);
  await page.fill('[name=name]', name);
  await page.locator('form[data-passkey=make] button').click();
  await page.locator(`.title:has-text("${name}")`).waitFor();
}

async function signOut(page) {
  await page.context().clearCookies();
}

async function refused(page) {
  await page.locator('[role=alert]:not([hidden]):has-text("not accepted")').first().waitFor();
  await page.goto(`${base}settings`);
  assert.equal(path(page), '/login', 'nobody is signed in');
}

try {
  const alice = await sitDown();
  const { page, device } = alice;
  await password(page, ALICE);
  assert.equal(path(page), '/');
  await add(page, 'Phone');
  const codes = await page.locator('#codes pre').innerText();
  assert.equal(codes.trim().split('\n').length, 10);
  assert.equal((await device('getCredentials')).credentials.length, 1);

  // As the second step.
  await signOut(page);
  await password(page, ALICE);
  assert.equal(path(page), '/login/second');
  await use(page).click();
  await page.waitForURL(base);
  // Alone, and on to where it was going.
  await signOut(page);
  await page.goto(`${base}login?next=%2Fsettings`);
  await use(page).click();
  await page.waitForURL(`${base}settings`);
  const signed_in = await page.locator('.who-name').innerText();
  // As a fresh proof.
  await page.goto(`${base}confirm?next=%2Fconnect`);
  await use(page).click();
  await page.waitForURL(`${base}connect`);
  await page.goto(factors);
  const listed = await page.locator('#passkeys .list').innerText();

  // Whom the authenticator has not recognised.
  await device('setUserVerified', { isUserVerified: false });
  await signOut(page);
  await page.goto(`${base}login`);
  await use(page).click();
  await page.locator('.passkey-problem:not([hidden])').waitFor();
  await device('setUserVerified', { isUserVerified: true });

  // Another person's passkey, though the browser offers it.
  const bob = await sitDown();
  await password(bob.page, BOB);
  await add(bob.page, 'Key');
  await signOut(bob.page);
  await bob.page.route('**/login/second/passkey', async (route) => {
    const answer = await route.fetch();
    const options = await answer.json();
    options.publicKey.allowCredentials = [];
    await route.fulfill({ response: answer, json: options });
  });
  await password(bob.page, ALICE);
  assert.equal(path(bob.page), '/login/second');
  await use(bob.page).click();
  await refused(bob.page);

  // A copy of the passkey whose count is behind.
  const [{ credentialId }] = (await device('getCredentials')).credentials;
  const { credential } = await device('getCredential', { credentialId });
  assert.ok(credential.signCount > 1, `${credential.signCount}`);
  await device('removeCredential', { credentialId });
  await device('addCredential', { credential: { ...credential, signCount: 0 } });
  await page.goto(`${base}login`);
  await use(page).click();
  await refused(page);
  await device('removeCredential', { credentialId });
  await device('addCredential', { credential: { ...credential, signCount: credential.signCount + 10 } });

  // One that was removed.
  await page.goto(`${base}login`);
  await use(page).click();
  await page.waitForURL(base);
  await page.goto(factors);
  await page.locator('form[action*="/passkeys/"][action$="/remove"] button').click();
  await page.waitForURL(/done=passkey-removed/);
  await signOut(page);
  await page.goto(`${base}login`);
  await use(page).click();
  await refused(page);
  await password(page, ALICE);
  assert.equal(path(page), '/', 'the password alone again');

  assert.deepEqual([...alice.complaints, ...bob.complaints], []);
  console.log(JSON.stringify({ signed_in, listed }));
} finally {
  await browser.close();
}
