import { createClient, createFetchTransport, createRetryBudget, failedWith, RpcError, retry } from 'rpc-kit/client';
import * as z from 'zod';
import { auction } from './contract.ts';

// The page forbids eval, and zod need not ask.
z.config({ jitless: true });

const url = document.documentElement.dataset.service ?? '/';
const client = createClient(auction, createFetchTransport(url), {
  interceptors: [retry({ budget: createRetryBudget() })],
});

const form = document.querySelector('form') as HTMLFormElement;
const answer = document.querySelector('output') as HTMLOutputElement;
const bids = document.querySelector('ol') as HTMLOListElement;
const watching = document.querySelector('input[type=checkbox]') as HTMLInputElement;

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const { value } = form.elements.namedItem('amount') as HTMLInputElement;
  answer.value = await bid(value);
});

/** An error without a declared reason has a message for people, too. */
async function bid(text: string): Promise<string> {
  try {
    // A bigint: a number would round what is beyond 2^53.
    const { amount } = await client.bid({ amount: BigInt(text) });
    return `You bid ${amount}.`;
  } catch (error) {
    if (failedWith(error, auction.methods.bid, 'too_low')) return `Bid more than ${error.details.highest}.`;
    return error instanceof RpcError ? error.message : `"${text}" is no amount.`;
  }
}

watching.addEventListener('change', () => {
  if (watching.checked) void watch();
});

async function watch(): Promise<void> {
  bids.replaceChildren();
  const leaving = new AbortController();
  watching.addEventListener('change', () => leaving.abort(), { once: true });
  try {
    for await (const { amount } of client.watch({}, { signal: leaving.signal })) {
      const item = document.createElement('li');
      item.textContent = String(amount);
      bids.append(item);
    }
  } catch (error) {
    if (error instanceof RpcError && error.code === 'cancelled') return;
    watching.checked = false;
    answer.value = error instanceof RpcError ? error.message : String(error);
  }
}

void watch();
