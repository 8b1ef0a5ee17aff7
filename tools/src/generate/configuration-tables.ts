import { accountsConfig } from 'accounts/config';
import { checkoutConfig } from 'checkout/config';
import { gatewayConfig } from 'gateway/config';
import { lomsConfig } from 'loms/config';
import { notificationsConfig } from 'notifications/config';
import { productsConfig } from 'products/config';
import { markdownTable } from 'rpc-kit/markdown-table';
import { type DescribedVariable, describeConfig } from 'service-kit';

const BEGIN = '<!-- configuration: made by make generate -->';
const END = '<!-- end of configuration -->';

const services = {
  accounts: accountsConfig,
  checkout: checkoutConfig,
  gateway: gatewayConfig,
  loms: lomsConfig,
  notifications: notificationsConfig,
  products: productsConfig,
};

type ConfiguredService = keyof typeof services;
export const CONFIGURED_SERVICES = Object.keys(services) as ConfiguredService[];

/** docs/configuration.md with the variables of all services, as their `config.ts` declares them now. */
export function withConfiguration(page: string): string {
  return withTable('docs/configuration.md', page, tableOfAll());
}

/** A service's README with the variables of that service. */
export function withConfigurationOf(service: ConfiguredService, readme: string): string {
  const rows = describeConfig(services[service]).map((variable) => [nameOf(variable), ...rest(variable)]);
  return withTable(`${service}/README.md`, readme, markdownTable(['variable', 'default', 'values', 'meaning'], rows));
}

function withTable(path: string, page: string, table: string): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin === -1 || end < begin)
    throw new Error(`${path} lacks the lines "${BEGIN}" and "${END}": add them around the table.`);
  return `${page.slice(0, begin + BEGIN.length)}\n\n${table}\n\n${page.slice(end)}`;
}

/** One row for each variable. Services that declare it with the same default and meaning share the row. */
function tableOfAll(): string {
  const shared = new Map<string, { variable: DescribedVariable; declaring: string[] }>();
  for (const service of CONFIGURED_SERVICES) {
    for (const variable of describeConfig(services[service])) {
      const key = JSON.stringify(variable);
      const known = shared.get(key) ?? { variable, declaring: [] };
      known.declaring.push(service);
      shared.set(key, known);
    }
  }
  const rows = [...shared.values()].map(({ variable, declaring }) => {
    const owners = declaring.length === CONFIGURED_SERVICES.length ? 'all' : declaring.join(', ');
    return [nameOf(variable), owners, ...rest(variable)];
  });
  return markdownTable(['variable', 'service', 'default', 'values', 'meaning'], rows);
}

const nameOf = ({ name }: DescribedVariable): string => `\`${name}\``;

function rest({ fallback, required, values = '', meaning }: DescribedVariable): string[] {
  return [required ? 'required' : fallback === undefined ? 'none' : `\`${fallback}\``, values, meaning];
}
