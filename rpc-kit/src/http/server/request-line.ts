import { HttpRefusal } from './body.ts';
import type { RequestHead } from './carried.ts';

/** RFC 9112, section 3.2.2: a server must also accept an absolute URL in the request line, as proxies receive it. */
export function pathOf({ url = '/' }: RequestHead): string {
  const path = url.startsWith('/') ? url : (URL.parse(url)?.pathname ?? url);
  const query = path.indexOf('?');
  return query < 0 ? path : path.slice(0, query);
}

/**
 * Refuses a request that another server on its way may have understood differently.
 * @throws {HttpRefusal} 400 or 417
 */
export function refuseUnclearRequest(request: RequestHead): void {
  refuseOtherVersion(request);
  refuseUnclearHost(request);
  refuseUnknownExpectation(request);
}

/** node:http accepts a request line without a version as HTTP/0.9, and any other version, such as 2.0. */
function refuseOtherVersion({ httpVersionMajor }: RequestHead): void {
  if (httpVersionMajor !== 1) throw new HttpRefusal(400, 'Send the request as HTTP/1.1');
}

/**
 * RFC 9112, section 3.2: 400 for a request with no Host or with several. A proxy and the server behind it may each have chosen
 * another one.
 */
function refuseUnclearHost({ rawHeaders, httpVersion }: RequestHead): void {
  let hosts = 0;
  // Names and values alternate. `request.headers` keeps only the first Host.
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++;
  }
  if (hosts > 1 || (hosts === 0 && httpVersion === '1.1')) throw new HttpRefusal(400, 'Send one Host header');
}

/** RFC 9110, section 10.1.1: there is only one expectation. node:http alone answers others with a bare 417. */
function refuseUnknownExpectation({ headers: { expect } }: RequestHead): void {
  if (expect !== undefined && expect.toLowerCase() !== '100-continue') {
    throw new HttpRefusal(417, 'No expectation but 100-continue is known');
  }
}
