import { type DescribedVariable, describeConfig } from 'service-kit';
import { checkoutConfig } from '../../checkout/src/config.ts';
import { lomsConfig } from '../../loms/src/config.ts';
import { notificationsConfig } from '../../notifications/src/config.ts';
import { productsConfig } from '../../products/src/config.ts';

const BEGIN = '<!-- configuration: made by make generate -->';
const END = '<!-- end of configuration -->';

const services = {
  checkout: checkoutConfig,
  loms: lomsConfig,
  notifications: notificationsConfig,
  products: productsConfig,
};

/** The README with the services' variables as their `config.ts` has them now. */
export function withConfiguration(readme: string): string {
  const begin = readme.indexOf(BEGIN);
  const end = readme.indexOf(END);
  if (begin === -1 || end < begin) throw new Error(`README.md has lost its lines "${BEGIN}" and "${END}".`);
  return `${readme.slice(0, begin + BEGIN.length)}\n\n${table()}\n\n${readme.slice(end)}`;
}

/** One row a variable; services that have it with the same default and meaning share the row. */
function table(): string {
  const rows = new Map<string, { variable: DescribedVariable; services: string[] }>();
  for (const [service, schema] of Object.entries(services)) {
    for (const variable of describeConfig(schema)) {
      const key = JSON.stringify(variable);
      const row = rows.get(key) ?? { variable, services: [] };
      row.services.push(service);
      rows.set(key, row);
    }
  }
  const lines = [...rows.values()].map(({ variable: { name, fallback, meaning }, services: having }) => {
    const who = having.length === Object.keys(services).length ? 'all' : having.join(', ');
    return `| \`${name}\` | ${who} | ${fallback === undefined ? 'required' : `\`${fallback}\``} | ${meaning} |`;
  });
  return ['| variable | service | default | meaning |', '| --- | --- | --- | --- |', ...lines].join('\n');
}
