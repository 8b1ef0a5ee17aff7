import { Controller, Module } from '@nestjs/common';
import { MessagePattern, Payload, RpcException } from '@nestjs/microservices';

const pricesBySku = new Map([
  [7, 199],
  [8, 2_499],
]);

@Controller()
class PricesController {
  @MessagePattern('priceOf')
  priceOf(@Payload() { sku }: { sku: number }): { price: number } {
    const price = pricesBySku.get(sku);
    if (price === undefined)
      throw new RpcException({ reason: 'unknown_sku', message: 'There is no such product', sku });
    return { price };
  }
}

@Module({ controllers: [PricesController] })
export class PricesModule {}
