// Starts Chromium, says where it is driven from, and ends it when standard input ends.

import { createRequire } from 'node:module';

const { chromium } = createRequire(`${process.env.KEYWRIGHT_TEST_PACKAGES}/`)('playwright-core');
const running = await chromium.launchServer({
    executablePath: '/usr/bin/chromium',
    host: '127.0.0.1',
    // Nobody but this machine is found.
    args: ['--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1'],
});
process.stdout.write(`${running.wsEndpoint()}\n`);
process.stdin.resume().on('end', () => running.close());
