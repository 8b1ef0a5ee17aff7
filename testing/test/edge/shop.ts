import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type Answered, type Asked, ask } from 'gateway/testing';
import { PROJECT_DIRECTORY } from 'mesh';
import { startMesh, type TestMesh } from '../../src/index.ts';
import { login, register, type SignedIn, UNLIMITED } from './people.ts';

/** A person who is signed in. */
export interface Shopper {
  readonly email: string;
  readonly id: string;
  readonly accessToken: string;
  readonly refreshToken: string;
  ask(path: string, asked?: Omit<Asked, 'as'>): Promise<Answered>;
}

/** A mesh and its REST API. */
export interface Shop extends AsyncDisposable {
  readonly mesh: TestMesh;
  readonly url: string;
  ask(path: string, asked?: Asked): Promise<Answered>;
  register(): Promise<Shopper>;
  login(email: string): Promise<Shopper>;
  /** A new account with the role admin. */
  admin(): Promise<Shopper>;
  /** A new product with so many on sale. */
  addProduct(admin: Shopper, onSale: number, name?: string): Promise<number>;
}

export async function openShop(variables: NodeJS.ProcessEnv = {}): Promise<Shop> {
  const mesh = await startMesh({ ...UNLIMITED, ...variables });
  const url = mesh.urls.gateway;
  let nextSku = 4_000_000;

  function toShopper({ user, accessToken, refreshToken }: SignedIn): Shopper {
    const own: Shopper['ask'] = (path, asked) => ask(url, path, { ...asked, as: accessToken });
    return { ...user, accessToken, refreshToken, ask: own };
  }

  const shop: Omit<Shop, typeof Symbol.asyncDispose> = {
    mesh,
    url,
    ask: (path, asked) => ask(url, path, asked),
    register: async () => toShopper(await register(mesh)),
    login: async (email) => toShopper(await login(mesh, email)),
    async admin() {
      const { email } = await shop.register();
      await makeAdmin(email, mesh.variables);
      return shop.login(email);
    },
    async addProduct(admin, onSale, name = 'Enamel kettle') {
      const sku = nextSku++;
      const created = await admin.ask('/v1/products', { method: 'POST', body: { sku, name, price: 1990 } });
      if (created.status !== 201) throw new Error(`the product was not created: ${created.text}`);
      if (onSale > 0) {
        const body = { warehouseID: '1', delta: onSale };
        const stocked = await admin.ask(`/v1/products/${sku}/stock`, { method: 'POST', body });
        if (stocked.status !== 200) throw new Error(`nothing was put on sale: ${stocked.text}`);
      }
      return sku;
    },
  };
  return { ...shop, [Symbol.asyncDispose]: () => mesh[Symbol.asyncDispose]() };
}

/** `make admin EMAIL=…` */
export async function makeAdmin(email: string, variables: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn(process.execPath, [join(PROJECT_DIRECTORY, 'tools/src/admin.ts')], {
    cwd: PROJECT_DIRECTORY,
    env: { ...process.env, ...variables, EMAIL: email },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`make admin ended with ${code}`);
}
