import { randomInt } from 'node:crypto';
import { Failure } from 'mesh';
import { describeWrong, parseHttpUrl } from 'rpc-kit/urls';
import { describeWhole, parseWhole } from 'rpc-kit/whole-number';
import type { Urls } from './connections.ts';

export interface Options {
  /** Through the gateway with accounts, or on the faces of the services. */
  readonly viaGateway: boolean;
  readonly users: number;
  readonly seconds: number;
  readonly seed: number;
  /** Calls a second of all users together, at most. */
  readonly rate: number;
  /** The path of the history file. Default: a file in the log folder of the mesh. */
  readonly history: string | undefined;
  /** The setting of loms; the checker judges the timeout by it. */
  readonly paymentTimeoutMs: number;
}

/** Each user has two windows, and a service takes 2000 connections (rpc-kit's connectionsMax): this uses half of them. */
const USERS_MAX = 500;
/** Each user registers, and each password costs accounts some 50 ms of a core. */
const ACCOUNTS = 10;
const ACCOUNTS_MAX = 50;
/** The checker holds the history in memory: this long at the highest rate is 600,000 calls, about 150 MB. */
const SECONDS_MAX = 300;
const RATE_MAX = 2_000;
/** The greatest seed of the dice. */
const SEED_MAX = 2 ** 31 - 1;
/** As the configuration of loms. */
const PAYMENT_TIMEOUT_MS = 600_000;
const PAYMENT_TIMEOUT_MAX_MS = 2 ** 31 - 1;

export function loadOptions(environment: NodeJS.ProcessEnv): Options {
  const whole = (variable: string, fallback: number, max: number, min = 1): number => {
    const text = environment[variable] || String(fallback);
    const number = parseWhole(text, { min, max });
    if (number !== undefined) return number;
    throw new Failure(`${variable} ${describeWrong(text, describeWhole({ min, max }))}.`);
  };
  const viaGateway = parseVia(environment.VIA || 'services');
  return {
    viaGateway,
    users: viaGateway ? whole('USERS', ACCOUNTS, ACCOUNTS_MAX) : whole('USERS', 50, USERS_MAX),
    seconds: whole('SECONDS', 20, SECONDS_MAX),
    seed: whole('SEED', randomInt(SEED_MAX), SEED_MAX, 0),
    rate: whole('RATE', 1_000, RATE_MAX),
    history: environment.HISTORY || undefined,
    paymentTimeoutMs: whole('ORDER_PAYMENT_TIMEOUT_MS', PAYMENT_TIMEOUT_MS, PAYMENT_TIMEOUT_MAX_MS),
  };
}

function parseVia(text: string): boolean {
  if (text === 'gateway' || text === 'services') return text === 'gateway';
  throw new Failure(`VIA ${describeWrong(text, 'gateway or services')}.`);
}

/** The URLs in CHECKOUT_URL, LOMS_URL, PRODUCTS_URL and NOTIFICATIONS_URL, e.g. of a proxy, or else those of the running mesh. */
export function chooseUrls(environment: NodeJS.ProcessEnv, mesh: Urls): Urls {
  return {
    checkout: chooseUrl('CHECKOUT_URL', environment, mesh.checkout),
    loms: chooseUrl('LOMS_URL', environment, mesh.loms),
    products: chooseUrl('PRODUCTS_URL', environment, mesh.products),
    notifications: chooseUrl('NOTIFICATIONS_URL', environment, mesh.notifications),
  };
}

function chooseUrl(variable: string, environment: NodeJS.ProcessEnv, ofMesh: string): string {
  const text = environment[variable];
  return text ? parseLoopbackUrl(variable, text) : ofMesh;
}

/** Loopback only: against any other host a storm would be an attack, or buy real goods. */
function parseLoopbackUrl(variable: string, text: string): string {
  const url = URL.parse(text);
  if (url?.protocol !== 'http:')
    throw new Failure(`${variable} ${describeWrong(text, 'an address like http://127.0.0.1:8080')}.`);
  // URL has normalized every notation of an IPv4 address to four numbers.
  const isLoopback =
    url.hostname === 'localhost' || url.hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(url.hostname);
  if (isLoopback) return refuseUnclear(variable, text);
  throw new Failure(
    `${variable} names ${url.hostname}, but a storm goes to this machine only: use localhost, 127.0.0.1 or [::1].`,
  );
}

function refuseUnclear(variable: string, text: string): string {
  try {
    parseHttpUrl(text);
    return text;
  } catch (error) {
    throw new Failure(`${variable} is wrong: ${(error as Error).message}.`);
  }
}

/** The URL in GATEWAY_URL, or else that of the running mesh. */
export function chooseGatewayUrl(environment: NodeJS.ProcessEnv, mesh: { readonly gateway: string }): string {
  return chooseUrl('GATEWAY_URL', environment, mesh.gateway);
}
