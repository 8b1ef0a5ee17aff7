/**
 * A template tag that escapes every interpolated value except the results of `html` itself, so that names and descriptions of a
 * contract never become markup.
 */
export class Html {
  readonly markup: string;

  constructor(markup: string) {
    this.markup = markup;
  }
}

/** `undefined` and `false` render as nothing, which allows `condition && html…`. */
export type HtmlValue = Html | string | number | undefined | false | readonly HtmlValue[];

export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return new Html(parts.map((part, index) => part + toMarkup(values[index])).join(''));
}

/** Escapes text for content and for quoted attributes. */
function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Paragraphs from plain text: an empty line separates them, `backticks` mark code. */
export function prose(text: string): Html[] {
  return text.split(/\n\s*\n/).map((paragraph) => html`<p>${inlineCode(paragraph)}</p>`);
}

export function inlineCode(text: string): HtmlValue[] {
  return text.split(/`([^`]+)`/).map((piece, index) => (index % 2 === 1 ? html`<code>${piece}</code>` : piece));
}

function toMarkup(value: HtmlValue): string {
  if (value === undefined || value === false) return '';
  if (value instanceof Html) return value.markup;
  if (typeof value === 'object') return value.map(toMarkup).join('');
  return escapeHtml(String(value));
}
