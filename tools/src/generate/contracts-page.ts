import { orderEvents } from 'loms/contract.ts';
import { DEFAULT_PORTS, type ServiceName } from 'mesh';
import {
  codesMarkdown,
  contractMarkdown,
  HTTP_LIMITS,
  METADATA_HEADERS,
  refusalsMarkdown,
  type ServiceContract,
  wireSchema,
} from 'rpc-kit';

/** The page of all contracts, at the ports that a local mesh has. */
export function contractsPage(contracts: readonly ServiceContract[]): string {
  const services = contracts.map((contract) =>
    contractMarkdown(contract, `http://localhost:${DEFAULT_PORTS[contract.name as ServiceName]}`),
  );
  return `${[introduction(), faces(), types(), errors(), ...services, events()].join('\n\n')}\n`;
}

function introduction(): string {
  return [
    '# Contracts',
    'What the services promise. This page is made from their `contract.ts` by `make generate`; change it there.',
    'The curl lines work as they stand on a mesh that `make run-all` has just started for the first time, from the top down.',
  ].join('\n\n');
}

function faces(): string {
  const kibibytes = HTTP_LIMITS.bodyBytesMax / 1024;
  return `## Faces of every service

- \`POST /rpc\`: JSON-RPC 2.0, whole: batches of up to ${HTTP_LIMITS.batchLengthMax} calls, notifications, params by name, and by position where a method gives an order. \`rpc.discover\` answers the OpenRPC document.
- \`POST /<method>\`: the same method with bare params in and the bare result out; \`GET\` with a body, and \`HEAD\`, too for methods that only read.
- \`GET /docs\` to read and try (a browser that opens \`/\` is sent there), \`GET /openrpc.json\`, \`GET /openapi.json\`; \`GET /healthz\` (it lives), \`GET /readyz\` (it can serve), \`GET /metrics\` (Prometheus).

A body is JSON in UTF-8 of at most ${kibibytes} KiB, nested at most ${HTTP_LIMITS.nestingDepthMax} deep, with at most ${HTTP_LIMITS.valuesMax} values and ${HTTP_LIMITS.wideNumbersMax} numbers of more than 15 digits, sent as \`Content-Type: application/json\` (or without a type, but not from a browser). Members that a method does not know are refused.

An answer has at most ${HTTP_LIMITS.answerBytesMax / 1024} KiB; a larger one is replaced by \`internal\`. The answers of a batch share that limit. Where they do not fit together, the largest answers of methods that only read are replaced by \`unavailable\` with the reason \`send_alone\`: send each such call again, alone. The answer of a method that writes is never replaced for its neighbours, so a batch of writes may be answered by more. The answers of a batch come together and in the order of its calls; a request with the header \`x-batch-answers: as-they-come\` gets each as soon as it is there, in any order.

Headers of a call, all optional: \`${METADATA_HEADERS.requestId}\` (it names the call in answers and logs), \`${METADATA_HEADERS.deadlineMs}\` (milliseconds that the caller still waits), \`${METADATA_HEADERS.idempotencyKey}\`, \`${METADATA_HEADERS.traceparent}\`, \`${METADATA_HEADERS.tracestate}\`, \`${METADATA_HEADERS.baggage}\`, \`${METADATA_HEADERS.authorization}\`. In a batch they count for every call in it; a call may carry its own in a member \`meta\` beside \`method\`: \`{"requestId", "deadlineMs", "idempotencyKey", "traceparent", "tracestate", "baggage", "authorization"}\`.

An idempotency key has 1 to 255 characters and no control characters. It is the same key as a param, in \`meta\` and as a header, whose bytes are UTF-8; \`"abc"\` in quotes is read as \`abc\`. Two headers, and two keys that differ beside the params and in them, are \`invalid_request\`. A trace context that is malformed is ignored.`;
}

function types(): string {
  return `## Types

\`int64\`, \`uint64\`, \`uint32\`, \`uint16\` are whole JSON numbers of that range, exact to the last digit: 9223372036854775807 comes back as 9223372036854775807. A number is judged by its value: 1e18, 1000000000000000000.0 and 1000000000000000000 are the same. A value outside its type is refused, never rounded. Mind that JavaScript's own \`JSON.parse\` rounds beyond 2^53. \`date-time\` is RFC 3339 text in whole milliseconds: a finer time is refused. \`name?\` may be left out.`;
}

function errors(): string {
  return `## Errors

On \`/rpc\` a call is answered with the status 200, also when it fails: \`{"jsonrpc": "2.0", "id", "error": {"code": <number>, "message", "data": {"code", "reason", "details", "retryAfterMs", "requestId"}}}\`. A body of notifications alone is answered with 204 and no body. A body that is JSON but no call, an empty batch and one of more than ${HTTP_LIMITS.batchLengthMax} calls are answered with 200 and the error invalid_request, under the id of the call where it has a usable one and else under null. What is refused before there are calls has the status of the second table below, e.g. 400 for a body that is not JSON, with the error under the id null.

On the plain face an error has the status of the first table and \`{"error": {"code", "reason", "message", "details", "retryAfterMs", "requestId"}}\`; so have refusals of pages, and on \`/rpc\` those of other verbs and of requests that are no HTTP.

\`reason\` and \`details\` come with the errors that a method lists; \`details\` also with invalid_params, where \`issues\` names up to 20 params by \`path\` and \`message\`. \`retryAfterMs\`, and on the plain face the header \`Retry-After\` in whole seconds, come where waiting helps. The log has the inner cause under the request id.

What a caller may retry: *when safe* methods that only read or are safe to repeat, and calls with an idempotency key of methods that take one; *after pause* once the time of \`Retry-After\` has passed, writes only under the same condition or with the reason \`overloaded\`; *from the start* after reading the state anew.

${codesMarkdown()}

Any method can answer these besides the errors that it lists:

${refusalsMarkdown()}`;
}

function events(): string {
  const { topic, version, contentType, summary, headers, schema, example } = orderEvents;
  return `## Events

### ${topic}

${summary} loms publishes it where \`KAFKA_BROKERS\` is set; an event may come more than once, with the same \`seq\`.

- key: the order's id in decimal digits, so that an order keeps to one partition
- value: JSON in UTF-8, version ${version}. Members may be added under the same version; pass over those that you do not know
- headers, none of which a reader needs: \`${headers.contentType}\` (\`${contentType}\`), \`${headers.version}\` (\`${version}\`), \`${headers.eventID}\` (the value's eventID), and of the call that made the change, where they are known, \`${headers.requestID}\`, \`${headers.traceparent}\`, \`${headers.tracestate}\` and \`${headers.baggage}\`

Example:

\`\`\`json
${JSON.stringify(example)}
\`\`\`

Schema (JSON Schema 2020-12):

\`\`\`json
${JSON.stringify(wireSchema(schema), undefined, 2)}
\`\`\``;
}
