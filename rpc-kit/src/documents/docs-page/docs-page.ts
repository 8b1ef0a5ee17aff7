import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { OpenRpcDocument } from '../openrpc.ts';
import { type PageAddress, ROOT } from '../place.ts';
import { Html, html, prose } from './html.ts';
import { methodSection } from './method-section.ts';

export interface DocsPage {
  readonly html: string;
  /** The value of the `content-security-policy` header that goes with the page. */
  readonly contentSecurityPolicy: string;
}

const STYLE = readPart('./page.css');
const SCRIPT = readPart('./page.js');

/**
 * Allows only the page's own style and script, by hash, and calls to its own service, so unescaped text of a contract could do no
 * harm. `data:` allows the empty icon, without which browsers ask for /favicon.ico.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `style-src ${hashSource(STYLE)}`,
  `script-src ${hashSource(SCRIPT)}`,
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * A self-contained page to read and try a service, made from its OpenRPC document. Its links are relative, so it works below any path.
 * @param pages that the service serves
 */
export function docsPage(
  document: Omit<OpenRpcDocument, 'servers'>,
  pages: readonly PageAddress[] = ROOT.pages,
): DocsPage {
  const { info, methods } = document;
  const others = pages.filter((path) => path !== '/docs').map((path) => path.slice(1));
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${info.title} ${info.version}</title>
<link rel="icon" href="data:,">
<style>${new Html(STYLE)}</style>
</head>
<body>
<a class="skip" href="#docs:methods">Skip to the methods</a>
<header>
<h1>${info.title} <span class="version">${info.version}</span></h1>
${prose(info.description)}
<ul class="links">${others.map((path) => html`<li><a href="${path}">${path}</a></li>`)}</ul>
</header>
<div class="columns">
<nav aria-label="Methods"><ul>
${methods.map(({ name }) => html`<li><a href="#${encodeURIComponent(name)}">${name}</a></li>\n`)}</ul></nav>
<main id="docs:methods" tabindex="-1">
${methods.map((method, index) => methodSection(method, `docs:${index}`))}</main>
</div>
<script type="module">${new Html(SCRIPT)}</script>
</body>
</html>
`;
  return { html: page.markup, contentSecurityPolicy: CONTENT_SECURITY_POLICY };
}

/** Browsers hash the text with LF line breaks; a checkout may have CR LF. */
function readPart(path: string): string {
  return readFileSync(new URL(path, import.meta.url), 'utf8').replaceAll('\r\n', '\n');
}

function hashSource(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
