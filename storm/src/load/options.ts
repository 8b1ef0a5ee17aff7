import { Failure } from 'mesh';
import { describeWrong } from 'rpc-kit/urls';
import { describeWhole, parseWhole } from 'rpc-kit/whole-number';

export interface LoadOptions {
  /** Through the REST API with accounts, or on the faces of checkout and loms. */
  readonly viaGateway: boolean;
  /** Each makes one purchase at a time. */
  readonly users: number;
  /** Purchases a second. */
  readonly rate: number;
  readonly seconds: number;
}

/** By way: a purchase is four calls, and the gateway admits 20 calls a second of one address unless it runs with another limit. */
const SERVICES = { users: { default: 50, max: 500 }, rate: { default: 20, max: 1_000 } } as const;
/** Each user registers, and each password costs accounts some 50 ms of a core. */
const GATEWAY = { users: { default: 10, max: 50 }, rate: { default: 4, max: 500 } } as const;
/** An access token lives for five minutes. */
const SECONDS = { default: 30, max: 240 } as const;

export function loadLoadOptions(environment: NodeJS.ProcessEnv): LoadOptions {
  const whole = (variable: string, limits: { readonly default: number; readonly max: number }): number => {
    const text = environment[variable] || String(limits.default);
    const number = parseWhole(text, { min: 1, max: limits.max });
    if (number !== undefined) return number;
    throw new Failure(`${variable} ${describeWrong(text, describeWhole({ min: 1, max: limits.max }))}.`);
  };
  const via = environment.VIA || 'services';
  if (via !== 'gateway' && via !== 'services') throw new Failure(`VIA ${describeWrong(via, 'gateway or services')}.`);
  const { users, rate } = via === 'gateway' ? GATEWAY : SERVICES;
  return {
    viaGateway: via === 'gateway',
    users: whole('USERS', users),
    rate: whole('RATE', rate),
    seconds: whole('SECONDS', SECONDS),
  };
}
