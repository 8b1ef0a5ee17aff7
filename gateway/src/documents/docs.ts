import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { openApiDocument } from './openapi.ts';

/** Swagger UI sets styles on its elements and shows its icons as data. Its default policy would also turn http on a test machine into https. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "img-src 'self' data:",
  "style-src 'self' 'unsafe-inline'",
  "object-src 'none'",
  "base-uri 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

/** Without the bar of Swagger UI; wide tables scroll inside of their operation. */
const PAGE_STYLE = '.swagger-ui .topbar { display: none } .swagger-ui .opblock-body { overflow-x: auto }';

/** `/openapi.json`, and `/docs` to read it and try each route, with the token of *Authorize*. */
export async function addDocs(app: FastifyInstance, publicUrl: string): Promise<void> {
  // Exact bounds of 64-bit integers are raw numbers, which only JSON text can hold.
  const text = JSON.stringify(openApiDocument(publicUrl));
  await app.register(swagger, { mode: 'static', specification: { document: JSON.parse(text) } });
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    uiConfig: { url: '/openapi.json', persistAuthorization: false, deepLinking: true, docExpansion: 'list' },
    theme: { css: [{ filename: 'page.css', content: PAGE_STYLE }] },
    staticCSP: true,
    transformStaticCSP: () => CONTENT_SECURITY_POLICY,
  });
  app.get('/openapi.json', async (_request, reply) =>
    reply.header('content-type', 'application/json').header('cache-control', 'no-cache').send(text),
  );
}
