import { RpcError } from '../../rpc-error.ts';
import { storableText } from '../../schema/wire-types.ts';
import { MUTUAL_TLS_REQUIRED } from '../tls.ts';
import { isRecord } from '../wire-error.ts';

type TlsError = NodeJS.ErrnoException & {
  readonly host?: string;
  readonly cert?: { readonly subjectaltname?: string };
};

/** Why TLS failed, by the code of OpenSSL or Node. The sentences are for the log of this service: they follow the peer's name. */
const SENTENCES: readonly (readonly [codes: RegExp, sentence: (error: TlsError) => string])[] = [
  [/^CERT_HAS_EXPIRED$/, () => 'its certificate has expired: renew it'],
  [/^CERT_NOT_YET_VALID$/, () => 'its certificate is not valid yet: compare the clocks of both machines'],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    ({ host, cert }) =>
      `its certificate names ${cert?.subjectaltname}, and not ${host}: call it by one of its names, or renew it`,
  ],
  [
    /SELF_SIGNED|^UNABLE_TO_|^CERT_/,
    ({ code }) => `its certificate is not from an authority that this service trusts: add that authority (${code})`,
  ],
  [/ALERT/, ({ code }) => `it refuses the certificate of this service, or its version of TLS (${code})`],
  [
    /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|RECORD_LAYER_FAILURE/,
    () => 'its port does not speak TLS: call it by http, or turn on TLS there',
  ],
];

/** A sentence for the log, with the failure as its cause; `undefined` for any other failure. */
export function explainTlsFailure(error: unknown, peer: string): Error | undefined {
  const { code = '' } = error as TlsError;
  const sentence = SENTENCES.find(([codes]) => codes.test(code))?.[1];
  return sentence && new Error(`${peer} cannot be called: ${sentence(error as TlsError)}`, { cause: error });
}

/** Longer than any of these messages. */
const MESSAGE_LENGTH_MAX = 300;

/** @throws {RpcError} unavailable, for the answer of a server of this kit that required mutual TLS before it read the request */
export function refuseTlsRefusal(status: number, answer: unknown, peer: string): void {
  if (status !== 400 && status !== 401) return;
  const error = isRecord(answer) && isRecord(answer.error) ? answer.error : {};
  // The form of JSON-RPC, or the plain form.
  const { reason } = isRecord(error.data) ? error.data : error;
  if (reason !== MUTUAL_TLS_REQUIRED) return;
  const said = storableText(String(error.message), MESSAGE_LENGTH_MAX);
  const cause = new Error(`${peer} cannot be called: it answers "${said}"`);
  throw new RpcError('unavailable', `${peer} cannot be reached`, { cause, neverSent: true });
}
