// Starts Chromium, says where it is driven from, and ends it when standard input ends.

import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const { chromium } = createRequire(`${process.env.KEYWRIGHT_TEST_PACKAGES}/`)('playwright-core');
const home = mkdtempSync(join(tmpdir(), 'keywright-chromium-'));
const running = await chromium.launchServer({
    executablePath: '/usr/bin/chromium',
    host: '127.0.0.1',
    env: { ...process.env, HOME: home },
    // Nobody but this machine is found.
    args: ['--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1'],
});
process.stdout.write(`${running.wsEndpoint()}\n`);
process.stdin.resume().on('end', async () => {
    await running.close();
    rmSync(home, { recursive: true, force: true });
});
