import { basename } from 'node:path';
import { orderEvents } from 'loms/contract.ts';
import { DEFAULT_PORTS, GRPC_PORT_OFFSET, type ServiceName } from 'mesh';
import {
  accessMarkdown,
  codesMarkdown,
  contractMarkdown,
  HTTP_LIMITS,
  METADATA_HEADERS,
  refusalsMarkdown,
  type ServiceContract,
  STREAMS_MAX,
  shellQuoted,
  wireSchema,
} from 'rpc-kit';
import { GRPC_LIMITS, type ProtoLock, toGrpcExample, toMethodProto, toProtoFile } from 'rpc-kit/grpc';

/** The page of all contracts, with the ports of a local mesh. */
export function contractsPage(contracts: readonly ServiceContract[], lock: ProtoLock): string {
  const services = contracts.map((contract) => {
    const port = DEFAULT_PORTS[contract.name as ServiceName];
    return contractMarkdown(contract, `http://localhost:${port}`, (method) => grpcMethod(contract, method, lock));
  });
  return `${[introduction(), faces(), access(contracts), types(), errors(), ...services, events()].join('\n\n')}\n`;
}

function introduction(): string {
  return [
    '# Contracts',
    'The methods of the services. `make generate` writes this page from their `contract.ts`; change it there.',
    'Pasted from the top down, the curl lines work on a mesh that `make run-all` has just started for the first time, and so do the lines of [grpcurl](https://github.com/fullstorydev/grpcurl) in their place. The answers of accounts contain users and tokens of another mesh.',
  ].join('\n\n');
}

function grpcMethod(contract: ServiceContract, method: string, lock: ProtoLock): string[] {
  const { path } = toProtoFile(contract, lock);
  const example = toGrpcExample(contract, method, lock);
  const address = `localhost:${DEFAULT_PORTS[contract.name as ServiceName] + GRPC_PORT_OFFSET}`;
  return [
    `Over gRPC it is \`${example.method}\` of [${basename(path)}](proto/${path}):`,
    ['```proto', toMethodProto(contract, method, lock), '```'].join('\n'),
    ['```sh', `grpcurl -plaintext -d ${shellQuoted(example.params)} ${address} ${example.method}`, '```'].join('\n'),
  ];
}

function faces(): string {
  const kibibytes = HTTP_LIMITS.bodyBytesMax / 1024;
  return `## Addresses of every service

- \`POST /rpc\`: JSON-RPC 2.0, with batches of up to ${HTTP_LIMITS.batchLengthMax} calls, notifications, params by name, and params by position where the method lists them. \`rpc.discover\` answers the OpenRPC document.
- \`POST /<method>\`, the plain face: the body is the params, the answer is the result. Methods that only read also accept \`GET\` with a body, and \`HEAD\`.
- \`GET /docs\`: a page to read about and try each method. A browser that opens \`/\` is redirected there. \`GET /openrpc.json\` and \`GET /openapi.json\` are the documents.
- gRPC on a port of its own: the methods of [proto](proto/README.md), health and reflection, see [gRPC](#grpc).
- \`GET /healthz\`: the process lives. \`GET /readyz\`: the service can answer calls. \`GET /metrics\`: metrics for Prometheus.

### Request bodies

A body is JSON in UTF-8. It has at most ${kibibytes} KiB, is nested at most ${HTTP_LIMITS.nestingDepthMax} deep, and has at most ${HTTP_LIMITS.valuesMax} values and ${HTTP_LIMITS.wideNumbersMax} numbers of more than 15 digits. Send \`Content-Type: application/json\`; programs other than browsers may omit the type. Members that the method does not declare are refused.

### Answers

An answer has at most ${HTTP_LIMITS.answerBytesMax / 1024} KiB; a larger one is replaced by \`internal\`.

The answers of a batch share this limit. If they do not fit together, the largest answers of methods that only read are replaced by \`unavailable\` with the reason \`send_alone\`: send each of these calls again, alone. The answer of a method that writes is never replaced because of other calls, so the answers of a batch of writes may exceed the limit.

The answers of a batch arrive together, in the order of the calls. With the request header \`x-batch-answers: as-they-come\`, each arrives as soon as it is ready, in any order.

### Streams

A method whose result is a stream answers on the plain face with server-sent events (\`text/event-stream\`): one without a name for each item, then \`end\`, or \`error\` with the body of an error. Before the first event, an error is an answer as of any method. \`/rpc\` has no streams.

\`GET /<method>?<param>=<value>\` works for a stream that only reads, so a browser's \`EventSource\` reads it; close it at \`end\`. An event has the id of its item. A browser that connects again sends that id as \`Last-Event-ID\`, and the stream goes on behind it; with nothing behind it, the answer is 204.

A stream that is silent sends a comment every ${HTTP_LIMITS.heartbeatMs / 1_000} s. A reader that takes nothing for ${HTTP_LIMITS.readerTimeoutMs / 1_000} s is dropped. A service that stops ends its streams with \`unavailable\` and a pause. A process has at most ${STREAMS_MAX} streams open; further ones are refused as \`unavailable\` with the reason \`overloaded\`.

### Headers of a call

All are optional:

- \`${METADATA_HEADERS.requestId}\` names the call in answers and logs.
- \`${METADATA_HEADERS.deadlineMs}\` is the time in milliseconds that the caller still waits.
- \`${METADATA_HEADERS.idempotencyKey}\` names the effect of a write, so that a repeated call has it once.
- \`${METADATA_HEADERS.traceparent}\`, \`${METADATA_HEADERS.tracestate}\` and \`${METADATA_HEADERS.baggage}\` carry the trace context. A malformed one is ignored.
- \`authorization\` carries the token of the calling service, see [Access](#access).

Headers apply to every call of a batch. A call may override them in a member \`meta\` beside \`method\`, except \`authorization\`: \`{${Object.keys(
    METADATA_HEADERS,
  )
    .map((field) => `"${field}"`)
    .join(', ')}}\`.

An idempotency key has 1 to 255 characters and no control characters. It is the same key as a param, in \`meta\` and as a header, whose bytes are UTF-8. A header \`"abc"\` in quotes is read as \`abc\`. Two headers are \`invalid_request\`, and so is a key in the params that differs from the key beside them.

### gRPC

A service serves gRPC on \`GRPC_PORT\`; \`make run-all\` uses the HTTP port plus ${GRPC_PORT_OFFSET}. Each method lists its messages below, and [proto/README.md](proto/README.md) says how a contract becomes messages. A call has the same params, checks, limits and errors as on the other faces.

- The deadline is \`grpc-timeout\`. The other headers of a call are metadata of the same names.
- A message has at most ${GRPC_LIMITS.messageBytesMax / 1024} KiB, before and after it is inflated, and may be compressed with gzip. An answer has at most ${GRPC_LIMITS.answerBytesMax / 1024} KiB.
- An error has the status of the table of [codes](#errors) and the details of \`google.rpc.Status\`: \`ErrorInfo\`, whose metadata hold \`code\` and \`reason\` as on the other faces; the message \`<Reason>Details\` of a reason with details; \`BadRequest\` for invalid params; \`RetryInfo\` if a later call may succeed; \`RequestInfo\`.
- \`grpc.health.v1.Health\` follows \`/readyz\`. Reflection (\`v1\` and \`v1alpha\`) describes everything, so grpcurl needs no .proto file.
- JSON of protobuf, as grpcurl reads and prints it, writes 64-bit numbers as text and leaves out members that are 0, \`false\` or empty.`;
}

function access(contracts: readonly ServiceContract[]): string {
  return `## Access

With \`ACCESS=enforce\`, a service executes a call only if the header \`authorization: Bearer <token>\` proves a service that the method names. A call without a valid token is \`unauthenticated\`; a call of another service is \`permission_denied\`. The pages and \`rpc.discover\` need no token. \`make token CALLER=gateway SERVICE=loms\` prints a header for curl.

A token is a JWT: \`typ\` svc+jwt, \`alg\` EdDSA, \`kid\` of a key that the trust file lists for the caller, \`iss\` and \`sub\` the caller, \`aud\` the service that is called, \`iat\`, \`jti\`, and \`exp\` at most 60 s later.

${accessMarkdown(contracts)}`;
}

function types(): string {
  return `## Types

- \`int64\`, \`uint64\`, \`uint32\` and \`uint16\` are whole JSON numbers of that range, exact to the last digit: 9223372036854775807 comes back as 9223372036854775807. JavaScript's own \`JSON.parse\` rounds numbers beyond 2^53.
- A number is read by its value: 1e18, 1000000000000000000.0 and 1000000000000000000 are the same. A value outside of its type is refused, never rounded.
- \`date-time\` is RFC 3339 text in whole milliseconds. A finer time is refused.
- \`name?\` is optional.`;
}

function errors(): string {
  return `## Errors

On the plain face an error has the status of the first table below and this body: \`{"error": {"code", "reason", "message", "details", "retryAfterMs", "requestId"}}\`. Refused requests for pages have the same body, and so have requests to \`/rpc\` with another verb or with malformed HTTP.

On \`/rpc\` the status is 200, also if the call fails, and the body is \`{"jsonrpc": "2.0", "id", "error": {"code": <number>, "message", "data": {"code", "reason", "details", "retryAfterMs", "requestId"}}}\`. The exceptions:

- A body of notifications only is answered with 204 and no body.
- A body that is JSON but no call, an empty batch, and a batch of more than ${HTTP_LIMITS.batchLengthMax} calls are answered with 200 and the error invalid_request. Its id is the id of the call if that is usable, otherwise null.
- A request that is refused before its calls are read has the status of the second table below, e.g. 400 for a body that is not JSON. The error has the id null.

\`reason\` and \`details\` belong to the errors that a method lists. \`details\` also belongs to invalid_params, where \`issues\` lists up to 20 params by \`path\` and \`message\`. \`retryAfterMs\`, and on the plain face the header \`Retry-After\` in whole seconds, are present if a later call may succeed. A 401 of the plain face has the header \`WWW-Authenticate: Bearer\` (RFC 9110, section 11.6.1). The service's log has the cause under the request id.

When a caller may retry:

- *when safe*: methods that only read or are safe to repeat, and calls with an idempotency key of methods that accept one;
- *after pause*: when the time of \`Retry-After\` has passed. Writes only under the same condition, or with the reason \`overloaded\`;
- *from the start*: after reading the state again.

${codesMarkdown()}

Any method can answer these errors besides those that it lists:

${refusalsMarkdown()}`;
}

function events(): string {
  const { topic, version, contentType, summary, headers, schema, example } = orderEvents;
  return `## Events

### ${topic}

${summary} loms publishes it if \`KAFKA_BROKERS\` is set. An event may arrive more than once, with the same \`seq\`.

- key: the order's id in decimal digits, so that all events of an order are in one partition
- value: JSON in UTF-8, version ${version}. Members may be added within a version; ignore members that you do not know
- headers, which are all optional for a reader: \`${headers.contentType}\` (\`${contentType}\`), \`${headers.version}\` (\`${version}\`), \`${headers.eventID}\` (the value's eventID), and from the call that changed the order, if known, \`${headers.requestID}\`, \`${headers.traceparent}\`, \`${headers.tracestate}\` and \`${headers.baggage}\`

Example:

\`\`\`json
${JSON.stringify(example)}
\`\`\`

Schema (JSON Schema 2020-12):

\`\`\`json
${JSON.stringify(wireSchema(schema), undefined, 2)}
\`\`\``;
}
