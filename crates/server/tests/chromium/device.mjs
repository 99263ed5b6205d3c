// A person lets a device in by its code: nothing happens without two presses, also when the link has the code in it.

import assert from 'node:assert/strict';
import { advance, secret, server } from '../judges/person.mjs';
import { begin, call, calm, open, path, poll, press, says, signIn } from './window.mjs';

const window = await open();
const { page } = window;
const mailbox = 'device@example.com';

const codes = await begin({ scope: 'models:use executions:read' });
await page.goto(codes.verification_uri_complete);
await signIn(page, mailbox);
assert.equal(path(page), '/device');
assert.equal(await page.getByLabel('Code').inputValue(), codes.user_code);
assert.equal((await poll(codes)).error, 'authorization_pending');
await press(page, 'Go on');
await says(page, codes.user_code, 'Keywright command line', 'laptop', 'loopback', ' UTC', 'models:use', '90 days');
await says(page, mailbox);
await advance(5);
assert.equal((await poll(codes)).error, 'authorization_pending');
await page.getByLabel('executions:read').uncheck();
await page.getByLabel('It stays in').selectOption('1 hour');
await press(page, 'Let it in');
await says(page, 'The device is in');
const tokens = await poll(codes);
assert.deepEqual([tokens.status, tokens.scope], [200, 'models:use']);
await secret(tokens.access_token);
assert.equal(await call(tokens.access_token), 200);

// By hand, as people write it: small letters, a blank in place of the dash.
const second = await begin();
await page.goto(second.verification_uri);
await page.getByLabel('Code').fill('BBBB-BBBB');
await press(page, 'Go on');
assert.match(await page.getByRole('alert').innerText(), /No device waits with that code/);
await page.getByLabel('Code').fill(` ${second.user_code.toLowerCase().replace('-', ' ')} `);
await press(page, 'Go on');
await press(page, 'No, turn it away');
await says(page, 'The device was turned away');
assert.equal((await poll(second)).error, 'access_denied');

// Whoever presses again in another tab is told.
const third = await begin();
const tabs = [page, await window.context.newPage()];
for (const tab of tabs) {
    await tab.goto(`${server}/device?user_code=${third.user_code}`);
    await press(tab, 'Go on');
}
await press(tabs[0], 'No, turn it away');
await press(tabs[1], 'Let it in');
await says(tabs[1], 'decided before');
assert.equal((await poll(third)).error, 'access_denied');

await calm(window);
