import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Browser, chromium, type Page } from 'playwright-core';
import { createClient, createHttpTransport } from 'rpc-kit';
import { browserProgram } from 'testing';
import { auction } from '../../browser/contract.ts';
import { type Auction, serveAuction } from '../../browser/serve.ts';

const run = promisify(execFile);

/** A double would round it to ...992. */
const BEYOND_DOUBLES = 9_007_199_254_740_993n;

const root = fileURLToPath(new URL('../../../', import.meta.url));

describe('The page of the example in a browser', () => {
  let browser: Browser;
  before(async () => {
    browser = await chromium.launch({ executablePath: browserProgram(), headless: true });
  });
  after(() => browser.close());

  let served: Auction;
  let page: Page;
  let complaints: string[];
  beforeEach(async () => {
    served = await serveAuction({ page: 0, service: 0 });
    page = await browser.newPage();
    complaints = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(String(error)));
    await page.goto(served.pageUrl);
  });
  afterEach(async () => {
    await page.close();
    await served[Symbol.asyncDispose]();
  });

  async function bid(amount: string): Promise<string> {
    await page.getByLabel('Your bid').fill(amount);
    const answer = page.locator('output');
    await answer.evaluate((element) => {
      element.textContent = '';
    });
    await page.getByRole('button', { name: 'Bid' }).click();
    await page.locator('output:not(:empty)').waitFor();
    return answer.innerText();
  }

  async function bidsShown(count: number): Promise<string[]> {
    const items = page.getByRole('listitem');
    if (count > 0) await items.nth(count - 1).waitFor();
    return items.allInnerTexts();
  }

  it('calls, knows the reason of an error, and shows numbers of 64 bits exactly', async () => {
    assert.equal(await bid(String(BEYOND_DOUBLES)), `You bid ${BEYOND_DOUBLES}.`);
    assert.equal(await bid('5'), `Bid more than ${BEYOND_DOUBLES}.`);
    assert.equal(await bid('a lot'), '"a lot" is no amount.');
    assert.match(await bid('-1'), /^Invalid params: amount: expected a whole number/);
    assert.deepEqual(complaints, []);
  });

  it('watches the bids of others until it leaves the stream, and resumes it', async () => {
    await using transport = createHttpTransport(served.serviceUrl, { userAgent: 'test' });
    const other = createClient(auction, transport);
    await other.bid({ amount: BEYOND_DOUBLES });
    await other.bid({ amount: BEYOND_DOUBLES + 1n });
    assert.deepEqual(await bidsShown(2), [String(BEYOND_DOUBLES), String(BEYOND_DOUBLES + 1n)]);

    await page.getByLabel('Watch').uncheck();
    await other.bid({ amount: BEYOND_DOUBLES + 2n });
    // The answer to a call of the page comes behind what a stream would have brought.
    await bid('1');
    assert.equal((await bidsShown(0)).length, 2);

    await page.getByLabel('Watch').check();
    assert.equal((await bidsShown(3)).at(-1), String(BEYOND_DOUBLES + 2n));
    assert.deepEqual(complaints, []);
  });

  it('has the types of a browser', async () => {
    const tsc = fileURLToPath(new URL('node_modules/typescript/bin/tsc', `file://${root}`));
    const { stdout } = await run(process.execPath, [tsc, '-p', 'examples/browser'], { cwd: root });
    assert.equal(stdout, '');
  });
});
