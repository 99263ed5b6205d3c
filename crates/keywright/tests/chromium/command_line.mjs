// A person at Chromium while the command line waits: opens the address that it names, and does what the pages ask for.

import assert from 'node:assert/strict';
import { calm, open, path, press, says, signIn } from '../../../server/tests/chromium/window.mjs';

const { KEYWRIGHT_TEST_DEED: deed, KEYWRIGHT_TEST_URL: url, KEYWRIGHT_TEST_MAILBOX: mailbox } = process.env;
const redirect = new URL(url).searchParams.get('redirect_uri');
const window = await open({ origins: redirect ? [new URL(redirect).origin] : [] });
const { page } = window;

await page.goto(url);
await signIn(page, mailbox);
if (deed === 'consent') {
    await says(page, 'Keywright command line', 'a program on this machine', mailbox);
    await press(page, 'Let it in');
    await page.getByText('go back to the terminal').waitFor();
} else if (deed === 'approve') {
    await press(page, 'Go on');
    await says(page, 'Keywright command line', mailbox);
    await press(page, 'Let it in');
    await says(page, 'The device is in');
} else {
    assert.equal(deed, 'end');
    const sessions = page.getByRole('button', { name: 'End it' });
    for (let left = await sessions.count(); left > 0; left -= 1) {
        await sessions.first().click();
        assert.equal(path(page), '/account');
        assert.equal(await sessions.count(), left - 1);
    }
}
await calm(window);
