import { HTTP_LIMITS } from 'rpc-kit';

/** A call as JSON text that JSON.stringify cannot write: numbers of a million digits, duplicate keys. */
export function rpcCall(method: string, params: string, others = ''): string {
  const call = `{"jsonrpc":"2.0","id":1,"method":"${method}","params":${params}`;
  return others === '' ? `${call}}` : `${call},${others}}`;
}

/** Texts separated by commas: the given number, or as many as fit into a body. */
export function filled(unit: (index: number) => string, countMax: number): string {
  const units: string[] = [];
  let length = 512;
  for (let index = 0; index < countMax; index++) {
    const text = unit(index);
    length += text.length + 1;
    if (length > HTTP_LIMITS.bodyBytesMax) break;
    units.push(text);
  }
  return units.join(',');
}

export function request(body: string | Buffer, headerLines = ''): Buffer {
  const bytes = Buffer.from(body);
  const host = /^host:/.test(headerLines) ? '' : 'Host: 127.0.0.1\r\n';
  const head = `POST /rpc HTTP/1.1\r\n${host}Connection: close\r\nContent-Length: ${bytes.length}\r\n`;
  return Buffer.concat([Buffer.from(`${head}${headerLines}\r\n`, 'latin1'), bytes]);
}

export function headerRequest(name: string, lines: string): { readonly name: string; readonly bytes: Buffer } {
  return { name, bytes: request(rpcCall('stocks', '[1]'), `${lines}\r\n`) };
}
