import { Controller, Module } from '@nestjs/common';
import { MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import { createClient, failedWith } from 'rpc-kit';
import { prices } from 'rpc-kit/examples/prices-contract.ts';
import { pricesService } from 'rpc-kit/examples/prices-service.ts';

const { priceOf } = prices.methods;
const client = createClient(prices, pricesService);

/** The pattern that callers know, in front of the service that has moved. */
@Controller()
class PricesController {
  @MessagePattern('priceOf')
  async priceOf(@Payload() params: { sku: number }): Promise<{ price: number }> {
    try {
      return await client.priceOf(params);
    } catch (error) {
      if (!failedWith(error, priceOf, 'unknown_sku')) throw error;
      throw new RpcException({ reason: error.reason, message: error.message, ...error.details });
    }
  }
}

@Module({ controllers: [PricesController] })
export class PricesModule {}
