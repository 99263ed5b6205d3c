// A person ends a device, whose token is dead at once, and signs out: nothing is left to see, in no tab.

import assert from 'node:assert/strict';
import { secret, server } from '../judges/person.mjs';
import { begin, call, calm, open, path, poll, press, read, says, signIn } from './window.mjs';

const window = await open();
const { page } = window;
const mailbox = 'leaves@example.com';

async function letIn(machine) {
    const codes = await begin({ machine });
    await page.goto(codes.verification_uri_complete);
    if (path(page) === '/login') await signIn(page, mailbox);
    await press(page, 'Go on');
    await press(page, 'Let it in');
    await says(page, 'The device is in');
    const tokens = await poll(codes);
    await secret(tokens.access_token);
    return tokens.access_token;
}

const [lost, kept] = [await letIn('lost-phone'), await letIn('desk')];
await page.goto(`${server}/account`);
await says(page, mailbox, 'lost-phone', 'desk');
assert.deepEqual([await call(lost), await call(kept)], [200, 200]);
await page.locator('section', { hasText: 'lost-phone' }).getByRole('button', { name: 'End it' }).click();
assert.equal(await call(lost), 401);
assert.equal(path(page), '/account');
assert.ok(!(await read(page)).includes('lost-phone'));
await says(page, 'desk');
assert.equal(await call(kept), 200);
await says(page, 'It is off');
await press(page, 'Turn it on');
await says(page, 'It is on');
// The button that was pressed is not pressed again by reloading.
await page.reload();
await says(page, 'desk', 'It is on');

const [leaving, tab] = [await window.context.newPage(), await window.context.newPage()];
for (const place of ['/account', '/device', '/account']) await leaving.goto(`${server}${place}`);
await tab.goto(`${server}/account`);
await says(tab, mailbox);
await press(leaving, 'Sign out of these pages');
assert.equal(path(leaving), '/login');
assert.deepEqual(await window.context.cookies(), []);
for (let steps = 0; steps < 3; steps += 1) {
    await leaving.goBack();
    assert.equal(path(leaving), '/login');
    const seen = await leaving.content();
    assert.ok(!seen.includes(mailbox) && !seen.includes('desk'), seen);
}
await tab.reload();
assert.equal(path(tab), '/login');
// Applications stay signed in: that is what the button says.
assert.equal(await call(kept), 200);
await signIn(tab, mailbox);
await press(tab, 'Sign out everywhere');
assert.equal(path(tab), '/login');
assert.equal(await call(kept), 401);

await calm(window);
