// The cookie of the pages: what it is called and who may read it, that signing in makes it another one, and that the
// one before and the one that was signed out open nothing.

import assert from 'node:assert/strict';
import { code, server } from '../judges/person.mjs';
import { calm, open, path, press, says } from './window.mjs';

const secure = server.startsWith('https:');
const options = { ignoreHTTPSErrors: true };
const window = await open(options);
const { context, page } = window;
const mailbox = 'cookie@example.com';

async function only() {
    const cookies = await context.cookies();
    assert.equal(cookies.length, 1);
    const { name, path: where, httpOnly, sameSite, secure: overTls, domain } = cookies[0];
    assert.deepEqual(
        { name, where, httpOnly, sameSite, overTls, domain },
        {
            name: secure ? '__Host-keywright' : 'keywright',
            where: '/',
            httpOnly: true,
            sameSite: 'Lax',
            overTls: secure,
            domain: '127.0.0.1',
        },
    );
    return cookies[0];
}

await page.goto(`${server}/account`);
assert.deepEqual(await context.cookies(), []);
await page.getByLabel('Mailbox').fill(mailbox);
await press(page, 'Mail me a code');
const before = await only();
await page.getByLabel('Code').fill(await code(mailbox));
await press(page, 'Sign in');
await says(page, mailbox);
const after = await only();
assert.notEqual(after.value, before.value);

const thief = await open(options);
async function opens(cookie) {
    await thief.context.addCookies([cookie]);
    await thief.page.goto(`${server}/account`);
    return path(thief.page) === '/account';
}
assert.equal(await opens(before), false);
// That it is the cookie which lets in, and nothing else.
assert.equal(await opens(after), true);
await press(page, 'Sign out of these pages');
assert.deepEqual(await context.cookies(), []);
assert.equal(await opens(after), false);

await calm(window, thief);
