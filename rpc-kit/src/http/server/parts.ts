// The parts of the HTTP server, for a server with routes of its own: limits, refusals, answers and metrics are those of every service.

export { surveyJson } from '../../schema/json-survey.ts';
export { acceptRequestId } from '../../telemetry/request-id.ts';
export { idempotencyKeyOfRequest } from '../idempotency-key-header.ts';
export { writeAnswer } from './answer.ts';
export { HttpRefusal, parseBody, readBody, refuseByHeaders } from './body.ts';
export { type BrowserBoundary, createBrowserBoundary } from './browser-boundary.ts';
export type { ConnectionOptions as ListenerOptions } from './connections.ts';
export type { HttpMetrics } from './http-metrics.ts';
export { HTTP_LIMITS, type HttpLimits } from './limits.ts';
export { createListener, type HttpListener } from './listener.ts';
export { type Page, type ReadinessCheck, readyPage } from './pages.ts';
export { pathOf, refuseUnclearRequest } from './request-line.ts';
