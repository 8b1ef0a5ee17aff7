import { BadRequestException } from '@nestjs/common';
import { schemas } from '../work.ts';
import { startNest } from './nest-app.js';

/** The schema pipe of NestJS's documentation. */
export class ZodPipe {
  constructor(schema) {
    this.schema = schema;
  }
  transform(value) {
    const parsed = this.schema.safeParse(value);
    if (parsed.success) return parsed.data;
    throw new BadRequestException(parsed.error.issues);
  }
}

/** NestJS with the validator that rpc-kit and tRPC use, so that only the framework differs. The reply is not checked. */
export function start() {
  return startNest({
    pipes: {
      createOrder: [new ZodPipe(schemas.createOrder.params)],
      stocks: [new ZodPipe(schemas.stocks.params)],
    },
  });
}
