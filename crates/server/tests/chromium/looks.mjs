// Each page on a phone and on a desk, by day and by night: nothing sticks out, all of it can be read, and axe-core finds
// no fault. A picture of each is kept.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { advance, code, load, server } from '../judges/person.mjs';
import { link } from './loopback.mjs';
import { api, begin, calm, open, path, poll, press, register, signIn } from './window.mjs';

const axe = load('axe-core').source;
const pictures = process.env.KEYWRIGHT_TEST_PICTURES;
mkdirSync(pictures, { recursive: true });
const SIZES = { phone: { width: 360, height: 640 }, desktop: { width: 1280, height: 800 } };
const WORST_CONTRAST = { text: 4.5, edge: 3 };

const window = await open();
const { page } = window;

// Looks at the page in all four ways.
async function look(name) {
    const colours = {};
    for (const [size, viewport] of Object.entries(SIZES)) {
        await page.setViewportSize(viewport);
        for (const colorScheme of ['light', 'dark']) {
            await page.emulateMedia({ colorScheme });
            const way = `${name}-${size}-${colorScheme}`;
            await page.screenshot({ path: `${pictures}/${way}.png`, fullPage: true });
            const found = await page.evaluate(measured);
            assert.ok(found.width <= viewport.width, `${way} is ${found.width} wide: ${found.widest}`);
            for (const { what, of, ratio } of found.contrasts) {
                assert.ok(ratio >= WORST_CONTRAST[what], `${way}: the ${what} of “${of}” has a contrast of ${ratio}`);
            }
            colours[colorScheme] = found.colours;
            // Whether it is wide makes no difference to what is in it.
            if (size === 'phone') assert.deepEqual(await faults(), [], way);
        }
        assert.notDeepEqual(colours.light, colours.dark);
    }
}

async function faults() {
    await page.evaluate(axe);
    const { violations, incomplete } = await page.evaluate(() => globalThis.axe.run());
    return [...violations, ...incomplete].map((fault) => `${fault.id}: ${fault.nodes.map((node) => node.html)}`);
}

// Runs in the page: how wide it is, and the contrast of each text (WCAG 2, 1.4.3) and of the edge of each field and
// button (1.4.11) to what is behind it.
function measured() {
    const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
    const behind = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const colour = getComputedStyle(at).backgroundColor;
            if (channels(colour)[3] !== 0) return colour;
        }
        return 'rgb(255, 255, 255)';
    };
    const luminance = (colour) => {
        const [red, green, blue] = channels(colour).map((channel) => {
            const part = channel / 255;
            return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const contrast = (one, other) => {
        const [less, more] = [luminance(one), luminance(other)].sort((a, b) => a - b);
        return (more + 0.05) / (less + 0.05);
    };
    const all = [...document.body.querySelectorAll('*')];
    const written = all.filter(
        (element) =>
            element.matches('input:not([type=hidden])') ||
            [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim()),
    );
    const widest = all.find((element) => element.getBoundingClientRect().right > innerWidth);
    return {
        width: document.documentElement.scrollWidth,
        widest: widest?.outerHTML,
        contrasts: [
            ...written.map((element) => ({
                what: 'text',
                of: element.textContent.trim().slice(0, 40) || element.name,
                ratio: contrast(getComputedStyle(element).color, behind(element)),
            })),
            ...all.filter((element) => element.matches('button, select, input:not([type=hidden], [type=radio], [type=checkbox])')).map((element) => ({
                what: 'edge',
                of: element.textContent || element.name,
                ratio: contrast(getComputedStyle(element).borderColor, behind(element.parentElement)),
            })),
        ],
        colours: [behind(document.body), getComputedStyle(document.body).color],
    };
}

const mailbox = 'a.person.with.a.rather.long.name@department.of.something.example.com';
const long = 'An application whose name goes on, and on, andonandonandonandonandonandonandonandon';
const machine = 'a-machine-whose-name-has-sixty-four-letters-and-no-blank-in-it-xx';
const home = 'https://a-host-whose-name-is-rather-long.applications.example.com/callback';

await page.goto(`${server}/device`);
await look('sign-in');
await page.getByLabel('Mailbox').fill('nobody@example');
await press(page, 'Mail me a code');
await look('sign-in-error');
await page.goto(`${server}/device`);
await page.getByLabel('Mailbox').fill(mailbox);
await press(page, 'Mail me a code');
await look('code');
await page.getByLabel('Code').fill('x');
await press(page, 'Sign in');
await look('code-error');
await page.getByLabel('Code').fill(await code(mailbox));
await press(page, 'Sign in');
await look('device');
await page.getByLabel('Code').fill('BBBB-BBBB');
await press(page, 'Go on');
await look('device-error');

await page.goto(link('http://127.0.0.1:40001/callback', { machine: 'laptop' }).url);
await look('consent');
const asked = { client_name: long, redirect_uris: [home] };
const { client_id } = await register(asked);
await page.goto(link(home, { client_id, machine: machine.slice(0, 64), scope: 'openid email profile offline_access models:use' }).url);
await look('consent-unverified');
const temporary = await api('/api/v1/auth/temporary', {});
const { ticket } = await api('/api/v1/auth/upgrade-ticket', {}, temporary.token);
await page.goto(link('http://127.0.0.1:40001/callback', { upgrade: ticket }).url);
await look('consent-take-over');
await page.goto(link('https://evil.example/cb').url);
await look('broken-link');

await page.goto(`${server}/account`);
await look('account-empty');
const codes = await begin({ machine: machine.slice(0, 64) });
await page.goto(codes.verification_uri_complete);
await press(page, 'Go on');
await look('approve');
await press(page, 'Let it in');
await look('approved');
await poll(codes);
const other = await begin();
await page.goto(other.verification_uri_complete);
await press(page, 'Go on');
await press(page, 'Let it in');
await poll(other);
const owner = 'owner@example.com';
await api('/api/v1/auth/signup-request', { email: owner });
const inviting = await api('/api/v1/auth/signup-complete', { email: owner, code: await code(owner) });
const invitations = `/api/v1/organizations/${inviting.organizationId}/invitations`;
await api(invitations, { email: mailbox, role: 'member' }, inviting.apiKey.raw);
await page.goto(`${server}/account`);
await look('account');

// An hour later the form is none of a browser that is known.
await advance(3_600);
await press(page, 'Sign out of these pages');
await look('too-late');
await page.goto(`${server}/account`);
assert.equal(path(page), '/login');
await signIn(page, mailbox);
await calm(window);
