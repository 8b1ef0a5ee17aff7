import type { BalancerOptions } from 'rpc-kit';

export interface Variant {
  readonly name: string;
  readonly title: string;
  /** Undefined: no balancer, so the call goes to the transport of an endpoint. */
  readonly options?: Omit<BalancerOptions, 'connect'>;
}

const URLS = ['http://a:1', 'http://b:1', 'http://c:1', 'http://d:1'];
const ZONED = URLS.map((url, index) => ({ url, zone: index < 2 ? 'near' : 'far' }));
const WEIGHED = URLS.map((url, index) => ({ url, weight: index + 1 }));
const VERSIONED = URLS.map((url, index) => ({ url, version: index < 3 ? '1' : '2' }));
const ALL = URLS.map((url, index) => ({ ...ZONED[index], ...WEIGHED[index], ...VERSIONED[index], url }));

const zone = 'near';
const canary = { version: '2', share: 0.05 };
const healthChecks = {};
const slowStart = { windowMs: 60_000 };

/** Four endpoints each. The first is the baseline. */
export const VARIANTS: readonly Variant[] = [
  { name: 'none', title: 'no balancer' },
  { name: 'plain', title: '**everything off**', options: { endpoints: URLS } },
  { name: 'weights', title: 'weights', options: { endpoints: WEIGHED } },
  { name: 'zone', title: 'zone', options: { endpoints: ZONED, zone } },
  { name: 'canary', title: 'canary', options: { endpoints: VERSIONED, canary } },
  { name: 'health', title: 'health checks', options: { endpoints: URLS, healthChecks } },
  { name: 'start', title: 'slow start, no endpoint starts', options: { endpoints: URLS, slowStart } },
  { name: 'all', title: 'everything on', options: { endpoints: ALL, zone, canary, healthChecks, slowStart } },
];
