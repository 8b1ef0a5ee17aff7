import type { ServiceContract } from '../contract.ts';
import { docsPage } from '../documents/docs-page/docs-page.ts';
import { contractMarkdown } from '../documents/markdown.ts';
import { openApiDocument } from '../documents/openapi.ts';
import { atHost, openRpcDocument } from '../documents/openrpc.ts';
import { CliError } from './cli-error.ts';
import { type Command, textOf, type Values } from './command.ts';
import { loadContract } from './load-contract.ts';

const URL_OPTION = { url: { type: 'string' } } as const;
const URL_HELP = '--url <url>       where the service is served, default http://localhost';

export const docs: Command = documentCommand({
  summary: 'Writes the page that a service serves at /docs, or its methods as Markdown.',
  details: ['--markdown        Markdown in place of HTML', `${URL_HELP} (only with --markdown)`],
  options: { ...URL_OPTION, markdown: { type: 'boolean' } },
  write(contract, values) {
    if (values.markdown) return `${contractMarkdown(contract, addressOf(urlOf(values)))}\n`;
    if (values.url !== undefined)
      throw new CliError('--url needs --markdown: the page shows the address that it is opened at.');
    return docsPage(openRpcDocument(contract)).html;
  },
});

export const openapi: Command = documentCommand({
  summary: 'Writes the OpenAPI 3.1 document.',
  details: [URL_HELP],
  options: URL_OPTION,
  write(contract, values) {
    const servers = values.url === undefined ? {} : { servers: [{ url: addressOf(urlOf(values)) }] };
    return prettyJson({ ...openApiDocument(contract), ...servers });
  },
});

export const openrpc: Command = documentCommand({
  summary: 'Writes the OpenRPC 1.3 document, which rpc-kit diff compares later contracts with.',
  details: [URL_HELP],
  options: URL_OPTION,
  write(contract, values) {
    const url = urlOf(values);
    return prettyJson(atHost(openRpcDocument(contract), url.host, url.protocol.slice(0, -1), prefixOf(url)));
  },
});

function documentCommand({
  write,
  ...facts
}: Pick<Command, 'summary' | 'details' | 'options'> & {
  write(contract: ServiceContract, values: Values): string;
}): Command {
  return {
    usage: '<contract> [options]',
    files: 1,
    ...facts,
    async run([path = ''], values) {
      return { output: write(await loadContract(path, textOf(values, 'export')), values) };
    },
  };
}

function urlOf(values: Values): URL {
  const text = textOf(values, 'url') ?? 'http://localhost';
  const url = URL.parse(text);
  if (url && /^https?:$/.test(url.protocol)) return url;
  throw new CliError(`--url is "${text}", but has to be an http or https URL.`);
}

/** The path of a mounted service, without the last slash. */
function prefixOf({ pathname }: URL): string {
  return pathname.endsWith('/') ? pathname.slice(0, -1) : pathname;
}

function addressOf(url: URL): string {
  return url.origin + prefixOf(url);
}

function prettyJson(document: unknown): string {
  return `${JSON.stringify(document, undefined, 2)}\n`;
}
