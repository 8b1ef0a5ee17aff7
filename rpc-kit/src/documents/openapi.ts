import type { ServiceContract } from '../contract.ts';
import { errorSchemas, jsonRpcSchemas, REFUSAL_RESPONSES, RESPONSE_HEADERS } from './openapi-answers.ts';
import { METADATA_PARAMETERS, SECURITY_SCHEMES } from './openapi-headers.ts';
import { methodPaths, methodSchemas } from './openapi-methods.ts';
import { pagePaths, rpcPath } from './openapi-pages.ts';
import { type Place, ROOT } from './place.ts';

/** All answers of a service over HTTP as an OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.1). */
export function openApiDocument(contract: ServiceContract, { prefix, pages }: Place = ROOT) {
  const { name, version, summary, contact, methods } = contract;
  return {
    openapi: '3.1.0',
    info: {
      title: name,
      version,
      description: `${summary}\n\n${pages.includes('/docs') ? ADDRESSES : ADDRESSES.replace(TO_DOCS, '')}`,
      ...(contact ? { contact } : {}),
    },
    // Relative, because a service does not know the name and scheme by which callers reach it.
    servers: [{ url: prefix || '/', description: 'The server that this document comes from' }],
    tags: [
      { name: 'methods', description: 'The methods, with bare params in and the bare result out' },
      { name: 'json-rpc', description: 'The same methods by JSON-RPC 2.0' },
      { name: 'pages', description: 'Documents, health and metrics' },
    ],
    paths: { ...methodPaths(methods), '/rpc': rpcPath(), ...pagePaths(pages) },
    components: {
      securitySchemes: SECURITY_SCHEMES,
      parameters: METADATA_PARAMETERS,
      headers: RESPONSE_HEADERS,
      responses: REFUSAL_RESPONSES,
      schemas: { ...methodSchemas(methods), ...errorSchemas(methods), ...jsonRpcSchemas() },
    },
  };
}

const TO_DOCS = '; `/` leads browsers to /docs';
const ADDRESSES = `An address that is not listed here answers 404 \`method_not_found\`${TO_DOCS}.
OPTIONS is answered only as the preflight request of a web page whose origin the service allows, with 204.

Bodies are JSON in UTF-8; a body without Content-Type counts as JSON unless a browser sent it.`;
