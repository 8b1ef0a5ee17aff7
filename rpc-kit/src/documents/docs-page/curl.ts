import { type Html, html } from './html.ts';

/** A placeholder that the script replaces by the real address of the service. */
const BASE = html`<span data-base>http://localhost</span>`;

/** A curl line that works when pasted into a shell, with a button that copies it. */
export function curlBlock(title: string, path: string, body: string, options = '-sS'): Html {
  return html`<div class="curl">
<div class="bar"><span>${title}</span><button type="button" data-copy>Copy</button></div>
<pre><code>curl ${options} ${BASE}${path} \\
  -H 'content-type: application/json' \\
  -d ${shellQuoted(body)}</code></pre>
</div>`;
}

/** Single quotes preserve every character but themselves (POSIX.1-2024, Shell Command Language, 2.2.2). */
export function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
