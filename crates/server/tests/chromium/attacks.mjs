// What strangers try: forms and frames of other origins, names that would be markup, links that lead elsewhere.

import assert from 'node:assert/strict';
import { server } from '../judges/person.mjs';
import { link, listen } from './loopback.mjs';
import { begin, calm, open, path, poll, press, read, register, says, signIn } from './window.mjs';

const mailbox = 'victim@example.com';
const victim = await open();
const { page } = victim;
await page.goto(`${server}/login?next=https://evil.example/`);
await signIn(page, mailbox);
assert.equal(path(page), '/account', 'a link to sign in leads nowhere else');

// Another port of the same host is the same site: the browser sends the cookie, so that it does not save anybody.
// Another name of this machine is another site.
const codes = await begin();
const frames = ['/account', '/login', '/device', '/oauth/authorize'];
const page_of_evil = () => `<!doctype html><title>Evil</title>
    ${['/logout', '/account', '/device'].map(
        (target) => `<form method="post" action="${server}${target}" target="_self">
            <input name="user_code" value="${codes.user_code}"><input name="form" value="x">
            <input name="decision" value="allow"><button>${target}</button></form>`,
    ).join('')}
    ${frames.map((target) => `<iframe src="${server}${target}"></iframe>`).join('')}`;
const evil = await listen(page_of_evil);
for (const host of ['127.0.0.1', 'localhost']) {
    const bait = await victim.context.newPage();
    for (const target of ['/logout', '/account', '/device']) {
        await bait.goto(`http://${host}:${evil.port}/`);
        const answer = bait.waitForResponse((response) => response.request().method() === 'POST');
        await press(bait, target);
        assert.equal((await answer).status(), 403, `${target} from ${host}`);
    }
    await bait.goto(`http://${host}:${evil.port}/`);
    for (const frame of bait.frames().slice(1)) {
        await frame.waitForLoadState();
        assert.equal(await frame.locator('main').count(), 0, frame.url());
    }
    await bait.evaluate(
        (target) => fetch(target, { method: 'POST', mode: 'no-cors', credentials: 'include', body: new URLSearchParams({ form: 'x' }) }),
        `${server}/logout`,
    );
    const stolen = await bait.evaluate(
        (target) => fetch(target, { credentials: 'include' }).then((answer) => answer.text(), () => 'unread'),
        `${server}/account`,
    );
    assert.equal(stolen, 'unread');
    await bait.close();
}
assert.equal((await poll(codes)).error, 'authorization_pending');
await page.reload();
await says(page, mailbox);
// Chromium says of each of them that it refused; what it says of the victim's own page counts below.
const told = victim.troubles.splice(0);
assert.ok(told.some((trouble) => trouble.includes('frame-ancestors')), told.join('\n'));
evil.close();

// Names that somebody chose are text.
const markup = '<img src=x onerror=alert(1)>';
const application = await register({ client_name: markup, redirect_uris: ['https://app.example/cb'] });
const asked = { client_id: application.client_id, machine: markup };
await page.goto(link('https://app.example/cb', asked).url);
await says(page, markup, 'Nobody has verified this application', 'app.example');
assert.equal(await page.locator('img').count(), 0);
const device = await begin({ machine: markup });
await page.goto(device.verification_uri_complete);
await press(page, 'Go on');
await says(page, markup);
assert.equal(await page.locator('img').count(), 0);
await page.goto(`${server}/device?user_code=%22%3E%3Cimg%20src%3Dx%3E`);
assert.equal(await page.locator('img').count(), 0);

// Where nobody may be sent, a page says so, and the browser stays here.
await page.goto(link('https://evil.example/cb').url);
assert.equal(path(page), '/oauth/authorize');
assert.ok(!(await read(page)).includes('evil'));

await calm(victim);
