import type { Code } from '../code.ts';

/** OK of gRPC: the call has a result. */
export const GRPC_OK = 0;

/** gRPC's numbers of our codes (https://grpc.github.io/grpc/core/md_doc_statuscodes.html). Several codes of ours share a number. */
export const GRPC_STATUS: Readonly<Record<Code, number>> = {
  cancelled: 1,
  parse_error: 3,
  invalid_request: 3,
  invalid_params: 3,
  deadline_exceeded: 4,
  not_found: 5,
  already_exists: 6,
  permission_denied: 7,
  resource_exhausted: 8,
  failed_precondition: 9,
  aborted: 10,
  method_not_found: 12,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
};

/** By gRPC's number. UNKNOWN (2) and DATA_LOSS (15) have no code of ours; OUT_OF_RANGE (11) is a failed precondition. */
const CODE_BY_STATUS: readonly (Code | undefined)[] = [
  undefined,
  'cancelled',
  'internal',
  'invalid_params',
  'deadline_exceeded',
  'not_found',
  'already_exists',
  'permission_denied',
  'resource_exhausted',
  'failed_precondition',
  'aborted',
  'failed_precondition',
  'unimplemented',
  'internal',
  'unavailable',
  'internal',
  'unauthenticated',
];

/** The closest code for a status of another kind of server, which sends no code of ours. */
export function codeOfGrpcStatus(status: number): Code {
  return CODE_BY_STATUS[status] ?? 'internal';
}

/** For answers without a gRPC status, e.g. of a proxy (http-grpc-status-mapping.md of grpc). */
export function codeOfHttpStatusWithoutGrpc(status: number): Code {
  switch (status) {
    case 400:
      return 'internal';
    case 401:
      return 'unauthenticated';
    case 403:
      return 'permission_denied';
    case 404:
      return 'unimplemented';
    case 429:
    case 502:
    case 503:
    case 504:
      return 'unavailable';
    default:
      return 'internal';
  }
}
