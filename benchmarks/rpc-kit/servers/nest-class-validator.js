import 'reflect-metadata';
import { ValidationPipe } from '@nestjs/common';
import { Type } from 'class-transformer';
import { ArrayMaxSize, ArrayMinSize, IsArray, IsInt, Max, Min, ValidateNested } from 'class-validator';
import { ITEMS_MAX, UINT16_MAX, UINT32_MAX } from '../work.ts';
import { startNest } from './nest-app.js';

class Item {}
class CreateOrder {}
class Stocks {}

function decorate(type, property, ...decorators) {
  for (const decorator of decorators) decorator(type.prototype, property);
}
decorate(Item, 'sku', IsInt(), Min(0), Max(UINT32_MAX));
decorate(Item, 'count', IsInt(), Min(1), Max(UINT16_MAX));
decorate(CreateOrder, 'user', IsInt());
decorate(
  CreateOrder,
  'items',
  IsArray(),
  ArrayMinSize(1),
  ArrayMaxSize(ITEMS_MAX),
  ValidateNested({ each: true }),
  Type(() => Item),
);
decorate(Stocks, 'sku', IsInt(), Min(0), Max(UINT32_MAX));

/** NestJS as its documentation shows validation: ValidationPipe with class-validator. The reply is not checked. */
export function start() {
  return startNest({
    types: { createOrder: CreateOrder, stocks: Stocks },
    globalPipes: [new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true })],
  });
}
