/**
 * Whether the client would rather have HTML than JSON (RFC 9110, section 12.5.1). Only a client that names HTML accepts it
 * here: a bare wildcard is what tools such as curl send.
 */
export function prefersHtml(accept = ''): boolean {
  const weights = new Map(accept.toLowerCase().split(',').map(toWeight));
  const html = weights.get('text/html') ?? weights.get('text/*') ?? 0;
  const json = weights.get('application/json') ?? weights.get('application/*') ?? weights.get('*/*') ?? 0;
  return html > 0 && html >= json;
}

function toWeight(range: string): [type: string, weight: number] {
  const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
  const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? '1';
  return [type, Number(weight) || 0];
}
