// A program on the person's machine that waits for the answer of the authorization page.

import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { server } from '../judges/person.mjs';

export async function listen(answer = 'You may close this window.') {
    const asked = [];
    const waiting = createServer((request, response) => {
        if (request.url !== '/favicon.ico') asked.push(new URL(request.url, 'http://127.0.0.1'));
        response.setHeader('content-type', 'text/html');
        response.end(typeof answer === 'function' ? answer(request) : `<!doctype html><title>In</title><main>${answer}</main>`);
    });
    await new Promise((listening) => waiting.listen(0, '127.0.0.1', listening));
    const { port } = waiting.address();
    return { asked, port, origin: `http://127.0.0.1:${port}`, close: () => waiting.close() };
}

// The link that lets an application ask, with the verifier for its code.
export function link(redirectUri, more = {}) {
    const verifier = randomBytes(32).toString('base64url');
    const url = new URL(`${server}/oauth/authorize`);
    url.search = new URLSearchParams({
        client_id: 'keywright-cli',
        redirect_uri: redirectUri,
        response_type: 'code',
        code_challenge: createHash('sha256').update(verifier).digest('base64url'),
        code_challenge_method: 'S256',
        ...more,
    });
    return { url: String(url), verifier };
}
