import { CODES, wireSchema } from 'rpc-kit';
import type { Route } from '../route.ts';
import { PREFIX, ROUTES } from '../routes/index.ts';
import { SESSION_MODE } from '../session-cookies.ts';
import { answerHeaders, HEADERS, isRevalidated, PARAMETERS, parametersOf } from './openapi-headers.ts';
import { PAGE_PATHS } from './openapi-pages.ts';
import { refusalResponses } from './refusal-responses.ts';
import { refusalsOf } from './refusals.ts';

/**
 * The REST API as an OpenAPI 3.1 document, made of the tables of routes.
 * @param publicUrl of the gateway, as clients know it
 */
export function openApiDocument(publicUrl: string) {
  return {
    openapi: '3.1.0',
    info: {
      title: 'order-mesh',
      version: '0.1.0',
      description: INTRODUCTION,
      contact: { name: 'The maintainers of order-mesh' },
    },
    servers: [
      { url: '/', description: 'The server that this document comes from' },
      { url: publicUrl, description: 'The public address' },
    ],
    tags: [
      ...Object.entries(TAGS).map(([name, description]) => ({ name, description })),
      { name: 'pages', description: 'Keys, documents, health and metrics' },
    ],
    paths: { ...routePaths(), ...PAGE_PATHS },
    components: {
      securitySchemes: SECURITY_SCHEMES,
      parameters: PARAMETERS,
      headers: HEADERS,
      schemas: { Error: ERROR, Problem: PROBLEM },
    },
  };
}

const TAGS: Record<keyof typeof ROUTES, string> = {
  auth: 'Sign up, in and out',
  me: 'The signed-in person',
  products: 'The catalogue',
  cart: 'The cart of the signed-in person',
  orders: 'Orders',
  notifications: 'Notifications of the signed-in person',
  users: 'Users, for admins',
};

const INTRODUCTION = `Sign in by \`POST ${PREFIX}/auth/login\`, then send the access token as \`Authorization: Bearer …\`. It lives for five minutes; \`POST ${PREFIX}/auth/refresh\` exchanges the refresh token for new ones.

Ids of 64 bits are text. Lists answer \`items\` and, before the last page, \`nextCursor\`. Unknown members of a query or a body are refused.

Errors have one shape, \`{"error": {code, reason, message, details, retryAfterMs, requestId}}\`; with \`Accept: application/problem+json\`, that of RFC 9457 with the same members. An address that is not listed is 404, another method 405 with \`Allow\`.

Web pages may keep tokens in cookies that scripts cannot read: they send \`${SESSION_MODE.header}: ${SESSION_MODE.cookie}\` with every request.`;

const SECURITY_SCHEMES = {
  accessToken: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'The accessToken of an answer to login.',
  },
} as const;

function routePaths(): Record<string, Record<string, unknown>> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [tag, rows] of Object.entries(ROUTES)) {
    for (const row of rows) {
      const path = `${PREFIX}${row.path}`;
      paths[path] = { ...paths[path], [row.method.toLowerCase()]: operation(tag, row) };
    }
  }
  return paths;
}

function operation(tag: string, row: Route) {
  const { summary, description, who, body, example, status } = row;
  const parameters = parametersOf(row);
  return {
    tags: [tag],
    operationId: operationId(row),
    summary,
    description: [description, WHO[who]].filter(Boolean).join('\n\n'),
    ...(who !== 'anyone' && { security: [{ accessToken: [] }] }),
    ...(parameters.length > 0 && { parameters }),
    ...(body && {
      requestBody: {
        required: !body.safeParse(undefined).success,
        content: {
          'application/json': {
            schema: wireSchema(body),
            ...(example?.body !== undefined && { example: example.body }),
          },
        },
      },
    }),
    responses: {
      [status]: success(row),
      ...(isRevalidated(row) && { 304: { description: 'Not changed.', headers: answerHeaders(row) } }),
      ...refusalResponses(refusalsOf(row), (status) => answerHeaders(row, status)),
    },
  };
}

const WHO = {
  anyone: '',
  user: 'For signed-in persons.',
  owner: "For the owner and for admins. Another's is answered like an unknown one.",
  admin: 'For admins.',
} as const;

/** `GET /orders/{id}` is getOrdersId. */
function operationId({ method, path }: Route): string {
  const words = path.split(/[/{}]+/).filter(Boolean);
  return method.toLowerCase() + words.map((word) => `${word[0]?.toUpperCase()}${word.slice(1)}`).join('');
}

const DESCRIPTIONS = { 200: 'Done.', 201: 'Created.', 204: 'Done. The answer has no body.' } as const;

function success(row: Route) {
  const { status, answer, example } = row;
  return {
    description: DESCRIPTIONS[status],
    headers: answerHeaders(row),
    ...(answer && {
      content: {
        'application/json': {
          schema: wireSchema(answer),
          ...(example?.answer !== undefined && { example: example.answer }),
        },
      },
    }),
  };
}

const FACTS = {
  code: { enum: Object.keys(CODES) },
  reason: { type: 'string', description: 'Identifies the case, where the route lists one.' },
  details: { description: 'Facts of the reason; for invalid_params the members that are wrong.' },
  retryAfterMs: { type: 'number', minimum: 0, description: 'When a later request may succeed.' },
  requestId: { type: 'string', minLength: 1, maxLength: 128, description: 'Names the request in logs.' },
};

const ERROR = {
  type: 'object',
  required: ['error'],
  additionalProperties: false,
  properties: {
    error: {
      type: 'object',
      required: ['code', 'message', 'requestId'],
      additionalProperties: false,
      properties: { message: { type: 'string', description: 'One sentence for people.' }, ...FACTS },
    },
  },
};

const PROBLEM = {
  type: 'object',
  description: 'RFC 9457, with the members of Error.',
  required: ['type', 'title', 'status', 'detail', 'code', 'requestId'],
  additionalProperties: false,
  properties: {
    type: { const: 'about:blank' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    ...FACTS,
  },
};
