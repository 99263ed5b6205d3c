// Windows of Chromium that notice whatever is wrong with a page.

import assert from 'node:assert/strict';
import { code, done, load, server } from '../judges/person.mjs';

const browser = await load('playwright-core').chromium.connect(process.env.KEYWRIGHT_TEST_CHROMIUM);

// Whether pages may run scripts here; ours need none.
export const scripts = process.env.KEYWRIGHT_TEST_SCRIPTS !== 'off';

// A browser of its own. Messages of its console are troubles, and so are requests to others than `origins`.
export async function open({ origins = [], ...options } = {}) {
    const context = await browser.newContext({ javaScriptEnabled: scripts, locale: 'en', ...options });
    context.setDefaultTimeout(20_000);
    const troubles = [];
    const allowed = new Set([new URL(server).origin, ...origins]);
    context.on('page', (page) => {
        page.on('pageerror', (error) => troubles.push(`error: ${error.message}`));
        page.on('dialog', (dialog) => troubles.push(`dialog: ${dialog.message()}`));
        page.on('console', (message) => {
            // That a page came with a status of refusal is for the scenario to say.
            const status = /^Failed to load resource: the server responded with a status of 4\d\d/;
            if (!(status.test(message.text()) && message.location().url === page.url())) {
                troubles.push(`console: ${message.text()} at ${message.location().url}`);
            }
        });
        page.on('request', (request) => {
            if (!allowed.has(new URL(request.url()).origin)) troubles.push(`request: ${request.url()}`);
        });
    });
    return { context, page: await context.newPage(), troubles };
}

// Nothing was wrong with any page of these browsers. It is the end of a scenario.
export async function calm(...windows) {
    for (const { context, troubles } of windows) {
        await context.close();
        assert.deepEqual(troubles, []);
    }
    await browser.close();
    done();
}

// What a person reads on the page.
export const read = (page) => page.locator('main').innerText();

export async function says(page, ...texts) {
    const text = await read(page);
    for (const part of texts) assert.ok(text.includes(part), `no “${part}” in: ${text}`);
}

export const press = (page, name) => page.getByRole('button', { name, exact: true }).click();

export const path = (page) => new URL(page.url()).pathname;

// From the page that asks for the mailbox to where the person wanted to go.
export async function signIn(page, mailbox) {
    await page.getByLabel('Mailbox').fill(mailbox);
    await press(page, 'Mail me a code');
    await page.getByLabel('Code').fill(await code(mailbox));
    await press(page, 'Sign in');
}

// The form that a program sends.
export async function post(route, fields, headers = {}) {
    const body = new URLSearchParams(fields);
    const answer = await fetch(`${server}${route}`, { method: 'POST', body, headers });
    return { status: answer.status, ...(await answer.json()) };
}

export const begin = (more = {}) =>
    post('/oauth/device_authorization', { client_id: 'keywright-cli', machine: 'laptop', ...more });

export const poll = (codes) =>
    post('/oauth/token', {
        grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
        client_id: 'keywright-cli',
        device_code: codes.device_code,
    });

// A model call: its status.
export async function call(token) {
    const answer = await fetch(`${server}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'gpt-test', messages: [{ role: 'user', content: 'hello' }] }),
    });
    await answer.arrayBuffer();
    return answer.status;
}

// A call of the API: what it answers.
export async function api(route, body, token) {
    const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
    const answer = await fetch(`${server}${route}`, { method: 'POST', headers, body: JSON.stringify(body) });
    const whole = await answer.json();
    assert.ok(answer.ok, JSON.stringify(whole));
    return whole.data ?? whole;
}

export const register = (metadata) =>
    api('/oauth/register', { grant_types: ['authorization_code', 'refresh_token'], ...metadata });
