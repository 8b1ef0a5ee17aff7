import 'reflect-metadata';
import { Body, Controller, HttpCode, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { handlers } from '../work.ts';

/**
 * Starts NestJS on Fastify. Its decorators are plain functions, called here by hand, so nothing has to be compiled.
 * @param pipes by method, what the body is checked by
 * @param types by method, the class that TypeScript would have recorded as the type of the body
 * @param onRequest a hook of Fastify
 */
export async function startNest({
  pipes = {},
  types = {},
  globalPipes = [],
  globalInterceptors = [],
  fastifyOptions = {},
  onRequest,
}) {
  class LomsController {
    createOrder(params) {
      return handlers.createOrder(params);
    }
    stocks(params) {
      return handlers.stocks(params);
    }
  }
  const { prototype } = LomsController;
  Controller()(LomsController);
  for (const name of Object.keys(handlers)) {
    const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
    Post(name)(prototype, name, descriptor);
    HttpCode(200)(prototype, name, descriptor);
    Body(...(pipes[name] ?? []))(prototype, name, 0);
    Reflect.defineMetadata('design:paramtypes', [types[name] ?? Object], prototype, name);
  }
  class AppModule {}
  Module({ controllers: [LomsController] })(AppModule);

  const adapter = new FastifyAdapter(fastifyOptions);
  const app = await NestFactory.create(AppModule, adapter, { logger: false, abortOnError: false });
  app.useGlobalPipes(...globalPipes);
  app.useGlobalInterceptors(...globalInterceptors);
  if (onRequest) adapter.getInstance().addHook('onRequest', onRequest);
  await app.listen(0, '127.0.0.1');
  return app.getHttpServer().address().port;
}
