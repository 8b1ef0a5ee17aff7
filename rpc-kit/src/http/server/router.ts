import type { MethodContract, ServiceContract } from '../../contract.ts';
import type { Canceller } from '../../deadline.ts';
import { RpcError } from '../../rpc-error.ts';
import type { Service } from '../../server.ts';
import type { ConcurrencyLimit } from '../../serving/concurrency-limit.ts';
import { streamOf } from '../../stream.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { HttpRefusal } from './body.ts';
import type { BrowserBoundary } from './browser-boundary.ts';
import type { RequestHead } from './carried.ts';
import type { HttpMetrics } from './http-metrics.ts';
import type { HttpLimits } from './limits.ts';
import { type Page, type Pages, prefersHtml } from './pages.ts';
import type { RpcFace } from './rpc-face.ts';
import { type StreamRoute, streamRouteOf } from './stream-face.ts';

export interface Router {
  readonly service: Service;
  /** The address of the JSON-RPC face. */
  readonly rpcPath: string;
  readonly methods: MethodsByPath;
  readonly pages: Pages;
  readonly face: RpcFace;
  readonly limits: HttpLimits;
  readonly boundary: BrowserBoundary;
  /** The callers of the streams that are open, whose calls a stop cancels. */
  readonly streams: Set<Canceller>;
  readonly admission: ConcurrencyLimit | undefined;
  /** Whether each connection closes with its next answer. */
  readonly closing: () => boolean;
  readonly logger: Logger;
  readonly metrics: HttpMetrics;
  readonly isMutualTls: boolean;
}

/** A method of the plain face. */
export interface AddressedMethod {
  readonly name: string;
  readonly contract: MethodContract;
  readonly stream: StreamRoute | undefined;
}

type MethodsByPath = ReadonlyMap<string, AddressedMethod>;

export function methodsByPath({ methods }: ServiceContract, prefix: string): MethodsByPath {
  return new Map(
    Object.entries(methods).map(([name, contract]) => [
      `${prefix}/${name}`,
      { name, contract, stream: streamRouteOf(contract) },
    ]),
  );
}

/** The JSON-RPC face, whose methods are named in the body. */
export const JSON_RPC = Symbol('JSON-RPC');

export type Route = AddressedMethod | typeof JSON_RPC | (() => Promise<Page>);

/**
 * What answers at the path.
 * @throws {RpcError} method_not_found, or a `VerbRefusal`
 */
export function findRoute({ rpcPath, methods, pages }: Router, request: RequestHead, path: string): Route {
  const isGet = request.method === 'GET' || request.method === 'HEAD';
  if (path === rpcPath) return request.method === 'POST' ? JSON_RPC : refuseVerb(['POST']);
  const method = methods.get(path);
  if (method) {
    if (request.method === 'POST') return method;
    const verbs = verbsOf(method.contract);
    return verbs.includes(request.method ?? '') ? method : refuseVerb(verbs);
  }
  if (isGet && pages.roots.has(path) && prefersHtml(request.headers.accept)) return async () => pages.forBrowsers;
  const page = pages.routes.get(path);
  if (!page) throw new RpcError('method_not_found', `Nothing is at this address${pages.hint}`);
  return isGet ? () => page(request.headers.host) : refuseVerb(['GET', 'HEAD']);
}

/** The verbs that a method takes on the plain face. A stream has an end only for those who read it, so it takes no HEAD. */
export function verbsOf(method: MethodContract): readonly string[] {
  if (!method.reads) return ['POST'];
  return streamOf(method) ? ['GET', 'POST'] : ['GET', 'HEAD', 'POST'];
}

/** 405, always in the form of the plain face. */
export class VerbRefusal extends HttpRefusal {
  readonly verbs: readonly string[];

  constructor(verbs: readonly string[]) {
    super(405, `This address takes ${verbs.join(' or ')} only`);
    this.verbs = verbs;
  }
}

function refuseVerb(verbs: readonly string[]): never {
  throw new VerbRefusal(verbs);
}
