import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { type MicroserviceOptions, Transport } from '@nestjs/microservices';
import { BasketModule } from './basket.ts';
import { PricesModule as MovedPricesModule } from './both.ts';
import { PricesModule } from './prices.ts';

const MODULES = { prices: PricesModule, basket: BasketModule, both: MovedPricesModule };

/** Each microservice has a process of its own. */
const name = process.argv[2] as keyof typeof MODULES;
const app = await NestFactory.createMicroservice<MicroserviceOptions>(MODULES[name], {
  transport: Transport.TCP,
  options: { host: '127.0.0.1', port: Number(process.env.PORT) },
});
await app.listen();
console.log(`${name} listens`);
