// The person beside a client: what is asked here is done by the test that runs the script. The packages that it
// installed lie elsewhere, so that they are loaded from there.

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

export const server = process.env.KEYWRIGHT_TEST_SERVER;
export const load = createRequire(`${process.env.KEYWRIGHT_TEST_PACKAGES}/`);

const input = createInterface({ input: process.stdin });
const answers = input[Symbol.asyncIterator]();

async function ask(what) {
    process.stdout.write(`${JSON.stringify(what)}\n`);
    return JSON.parse((await answers.next()).value);
}

// Opens a link of the client and lets it in, or does not: where the browser is sent then.
export const visit = async (url, allow = true) => new URL(await ask({ ask: 'visit', url: String(url), allow }));
// Lets the device in that shows this code, or does not.
export const decide = (userCode, allow) => ask({ ask: 'device', userCode, allow });
// The code that was mailed last to a mailbox.
export const code = (mailbox) => ask({ ask: 'code', mailbox });
// Time goes by at the server.
export const advance = (seconds) => ask({ ask: 'advance', seconds });
// From now on this may stand in no log.
export const secret = (text) => ask({ ask: 'secret', text });
// Nothing more is asked.
export const done = () => input.close();
