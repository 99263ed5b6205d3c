// A server in the network of a house, on plain http: a person signs in there, and out again. Other sites send nothing.

import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import { server } from '../judges/person.mjs';
import { calm, open, path, press, says, signIn } from './window.mjs';

// What leads the browser to the server by its name, and to another site.
const [host, port] = process.env.KEYWRIGHT_TEST_ADDRESS.split(':');
const evil = `<!doctype html><title>Evil</title>
    <form method="post" action="${server}/login"><input name="email" value="victim@example.com"><button>Send</button></form>`;
const way = createServer((asked, answer) => {
    const url = new URL(asked.url);
    if (url.origin !== server) {
        answer.setHeader('content-type', 'text/html');
        answer.setHeader('referrer-policy', 'no-referrer');
        answer.end(evil);
        return;
    }
    const onward = { host, port, method: asked.method, path: url.pathname + url.search, headers: asked.headers };
    const sent = request(onward, (given) => {
        answer.writeHead(given.statusCode, given.headers);
        given.pipe(answer);
    });
    asked.pipe(sent);
});
await new Promise((listening) => way.listen(0, '127.0.0.1', listening));

const other = 'http://evil.example';
const window = await open({ origins: [other], proxy: { server: `http://127.0.0.1:${way.address().port}` } });
const { page } = window;
await page.goto(`${server}/account`);
assert.equal(path(page), '/login');
await signIn(page, 'a@example.com');
assert.equal(path(page), '/account');
await says(page, 'a@example.com', 'It is off');
await press(page, 'Turn it on');
await says(page, 'It is on');

await page.goto(`${other}/`);
const answer = page.waitForResponse((response) => response.request().method() === 'POST');
await press(page, 'Send');
assert.equal((await answer).status(), 403);

await page.goto(`${server}/account`);
await says(page, 'a@example.com');
await press(page, 'Sign out of these pages');
assert.equal(path(page), '/login');
way.close();
way.closeAllConnections();
await calm(window);
