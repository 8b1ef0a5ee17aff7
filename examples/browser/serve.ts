import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { serveHttp } from 'rpc-kit';
import { createAuction } from './service.ts';

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

async function bundlePage(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [file('page.ts')],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    write: false,
  });
  return outputFiles[0]?.text ?? '';
}

export interface Auction extends AsyncDisposable {
  readonly pageUrl: string;
  readonly serviceUrl: string;
}

/** The page and the service are of two origins: the service lists that of the page, and the page names that of the service. */
export async function serveAuction(ports: { readonly page: number; readonly service: number }): Promise<Auction> {
  const [html, css, script] = await Promise.all([
    readFile(file('index.html'), 'utf8'),
    readFile(file('page.css'), 'utf8'),
    bundlePage(),
  ]);
  let serviceUrl = '';
  const files: Record<string, () => [type: string, content: string]> = {
    '/': () => ['text/html; charset=utf-8', html.replace('SERVICE', serviceUrl)],
    '/page.css': () => ['text/css', css],
    '/page.js': () => ['text/javascript', script],
  };
  const pages = createServer(({ url = '' }, response) => {
    const [type, content] = files[url]?.() ?? [];
    if (type === undefined) response.writeHead(404).end();
    else {
      const policy = `default-src 'none'; script-src 'self'; style-src 'self'; connect-src ${serviceUrl}`;
      response.writeHead(200, { 'content-type': type, 'content-security-policy': policy }).end(content);
    }
  }).listen(ports.page, '127.0.0.1');
  await once(pages, 'listening');
  const pageUrl = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`;
  const service = await serveHttp(createAuction(), {
    host: '127.0.0.1',
    port: ports.service,
    allowedOrigins: [pageUrl],
  });
  serviceUrl = service.url;
  return {
    pageUrl,
    serviceUrl,
    async [Symbol.asyncDispose]() {
      pages.closeAllConnections();
      pages.close();
      await service[Symbol.asyncDispose]();
    },
  };
}
