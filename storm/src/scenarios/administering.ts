import { chooseSku } from '../goods.ts';
import { defineScenario } from '../scenario.ts';
import type { User, Window } from '../user.ts';
import { atOnce } from './racing.ts';

/** Few enough that the skus that many users want keep running out. */
const ARRIVAL_MAX = 12;
/** More than is often on sale of a sku that many users want, so that some write-offs are refused. */
const WRITE_OFF_MAX = 15;
const WAREHOUSES = 3;
const PERCENT = { hot: 70, arrives: 65, pressesTwice: 25, reusesKey: 15 } as const;

/** Puts goods on sale or writes some off; sometimes twice at once with one key, or with its key for another delta. */
export const adjustStock = defineScenario({
  name: 'adjust stock',
  weight: 60,
  plan: (dice, goods) => ({
    sku: dice.chance(PERCENT.hot) ? dice.pick(goods.hot) : chooseSku(dice, goods),
    warehouse: dice.between(1, WAREHOUSES),
    delta: dice.chance(PERCENT.arrives) ? dice.between(1, ARRIVAL_MAX) : -dice.between(1, WRITE_OFF_MAX),
    pressesTwice: dice.chance(PERCENT.pressesTwice),
    reusesKey: dice.chance(PERCENT.reusesKey),
  }),
  async play({ sku, warehouse, delta, pressesTwice, reusesKey }, admin) {
    const idempotencyKey = admin.newKey();
    const place = { sku, warehouseID: BigInt(warehouse), idempotencyKey, actor: admin.id };
    const adjust = ({ loms }: Window) => loms.adjustStock({ ...place, delta: BigInt(delta) });
    if (pressesTwice) await atOnce(adjust(admin), adjust(admin.secondWindow));
    else if ((await adjust(admin)).result === 'info') await adjust(admin);
    if (reusesKey) await admin.loms.adjustStock({ ...place, delta: BigInt(delta + Math.sign(delta)) });
  },
});

const PRICE_MAX = 10_000;

/** Changes a price in both windows at once, each with the version that it has seen: one of the two is refused. */
export const changePrice = defineScenario({
  name: 'change price',
  weight: 25,
  plan: (dice, goods) => ({
    sku: chooseSku(dice, goods),
    prices: [dice.between(1, PRICE_MAX), dice.between(1, PRICE_MAX)] as const,
    isRace: dice.chance(PERCENT.pressesTwice),
  }),
  async play({ sku, prices: [price, otherPrice], isRace }, admin) {
    const version = await versionOf(admin, sku);
    if (version === undefined) return;
    const change = ({ products }: Window, newPrice: number) =>
      products.update_product({ sku, version, price: newPrice, actor: admin.id });
    if (isRace) await atOnce(change(admin, price), change(admin.secondWindow, otherPrice));
    else await change(admin, price);
  },
});

async function versionOf(admin: User, sku: number): Promise<number | undefined> {
  const found = await admin.products.get_products({ skus: [sku] });
  return found.result === 'ok' ? found.answer.products[0]?.version : undefined;
}

/** Adds a product of its own, renames it, puts it on sale and archives it; changes after that are refused. */
export const productLife = defineScenario({
  name: 'product life',
  weight: 15,
  plan: (dice) => ({ price: dice.between(1, PRICE_MAX), units: dice.between(1, ARRIVAL_MAX) }),
  async play({ price, units }, admin) {
    const [sku, actor] = [admin.newSku(), admin.id];
    const created = await admin.products.create_product({ sku, name: `Storm ${sku}`, price, actor });
    if (created.result !== 'ok') return;
    const { version } = created.answer;
    const renamed = await admin.products.update_product({ sku, version, name: `Storm ${sku}, renamed`, actor });
    if (renamed.result !== 'ok') return;
    const delta = BigInt(units);
    await admin.loms.adjustStock({ sku, warehouseID: 1n, delta, idempotencyKey: admin.newKey(), actor });
    const archived = await admin.products.archive_product({ sku, version: renamed.answer.version, actor });
    if (archived.result !== 'ok') return;
    await admin.products.update_product({ sku, version: archived.answer.version, price, actor });
  },
});
