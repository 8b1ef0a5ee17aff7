import {
  type Client,
  createClient,
  type Handlers,
  implement,
  type Methods,
  RpcError,
  type ServiceContract,
} from 'rpc-kit';
import { SERVICES, type Services } from '../src/services.ts';

/** Handlers of the methods that a test calls; all others are out of reach. */
export type Fakes = { [S in keyof typeof SERVICES]?: Partial<Handlers<(typeof SERVICES)[S]['methods']>> };

export interface FakeServices {
  readonly services: Services;
  /** The calls in their order: `loms.getOrder`. */
  readonly calls: string[];
}

/** Services in this process, behind their contracts. */
export function fakeServices(fakes: Fakes): FakeServices {
  const calls: string[] = [];
  const fake = <M extends Methods>(contract: ServiceContract<M>, own: Partial<Handlers<M>> = {}): Client<M> => {
    const away = async (): Promise<never> => {
      throw new RpcError('unavailable', `${contract.name} is at 10.0.0.7 and away`);
    };
    const handlers = Object.keys(contract.methods).map((name) => [name, own[name] ?? away]);
    return createClient(contract, implement(contract, Object.fromEntries(handlers) as Handlers<M>), {
      interceptors: [
        (next) => (call) => {
          calls.push(`${call.service}.${call.method}`);
          return next(call);
        },
      ],
    });
  };
  const services: Services = {
    accounts: fake(SERVICES.accounts, fakes.accounts),
    checkout: fake(SERVICES.checkout, fakes.checkout),
    loms: fake(SERVICES.loms, fakes.loms),
    products: fake(SERVICES.products, fakes.products),
    notifications: fake(SERVICES.notifications, fakes.notifications),
  };
  return { services, calls };
}
