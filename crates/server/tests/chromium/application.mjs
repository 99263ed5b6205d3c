// A person with a mailbox that nobody knows signs in, lets the command line in and sends another application away.

import assert from 'node:assert/strict';
import { code, secret, server } from '../judges/person.mjs';
import { link, listen } from './loopback.mjs';
import { call, calm, open, path, post, press, read, says, signIn } from './window.mjs';

const program = await listen();
const window = await open({ origins: [program.origin] });
const { page } = window;
const mailbox = 'new@example.com';
const state = 's "<>\'&é+%';
const asked = link(`${program.origin}/callback`, { state, machine: 'laptop', scope: 'models:use executions:read' });

await page.goto(asked.url);
assert.equal(path(page), '/login');
await page.getByLabel('Mailbox').fill(mailbox);
await press(page, 'Mail me a code');
await says(page, mailbox, 'ten minutes');
const mailed = await code(mailbox);
await page.getByLabel('Code').fill(mailed === '000001' ? '000002' : '000001');
await press(page, 'Sign in');
assert.match(await page.getByRole('alert').innerText(), /Tries left: 4/);
await page.getByLabel('Code').fill(mailed);
await press(page, 'Sign in');

assert.equal(path(page), '/oauth/authorize');
await says(page, 'Keywright command line', '127.0.0.1', 'a program on this machine', 'laptop', mailbox, '90 days');
await says(page, 'models:use', 'executions:read');
assert.ok(!(await read(page)).includes('Nobody has verified'));
assert.equal(await page.getByRole('radio').isChecked(), true);
await press(page, 'Let it in');
await says(page, 'You may close this window.');
assert.equal(program.asked.length, 1);
const answer = program.asked[0].searchParams;
assert.deepEqual([answer.get('state'), answer.get('iss')], [state, server]);
const tokens = await post('/oauth/token', {
    grant_type: 'authorization_code',
    client_id: 'keywright-cli',
    redirect_uri: `${program.origin}/callback`,
    code: answer.get('code'),
    code_verifier: asked.verifier,
});
assert.equal(tokens.status, 200, JSON.stringify(tokens));
await secret(tokens.access_token);
assert.equal(await call(tokens.access_token), 200);

// Signed in already, the person is asked again and says no.
await page.goto(link(`${program.origin}/callback`, { state: 'again' }).url);
await press(page, 'No');
await says(page, 'You may close this window.');
const refusal = program.asked[1].searchParams;
assert.deepEqual([refusal.get('error'), refusal.get('state'), refusal.get('code')], ['access_denied', 'again', null]);

// The same person comes back into the same account, from another browser.
const other = await open();
await other.page.goto(`${server}/account`);
await signIn(other.page, mailbox.toUpperCase());
await says(other.page, mailbox, 'Keywright command line', 'laptop');

program.close();
await calm(window, other);
