import { Controller, Inject, Module } from '@nestjs/common';
import { type ClientProxy, ClientsModule, MessagePattern, Payload, Transport } from '@nestjs/microservices';
import { firstValueFrom, timeout } from 'rxjs';

@Controller()
class BasketController {
  constructor(@Inject('PRICES') private readonly prices: ClientProxy) {}

  @MessagePattern('total')
  async total(@Payload() { skus }: { skus: number[] }): Promise<{ total: number; unknown: number[] }> {
    const found = await Promise.all(skus.map((sku) => this.priceOf(sku)));
    const total = found.reduce<number>((sum, price) => sum + (price ?? 0), 0);
    return { total, unknown: skus.filter((_sku, index) => found[index] === undefined) };
  }

  private async priceOf(sku: number): Promise<number | undefined> {
    try {
      const answer = this.prices.send<{ price: number }>('priceOf', { sku }).pipe(timeout(200));
      return (await firstValueFrom(answer)).price;
    } catch (error) {
      if ((error as { reason?: string }).reason === 'unknown_sku') return undefined;
      throw error;
    }
  }
}

const port = Number(process.env.PRICES_PORT);

@Module({
  imports: [
    ClientsModule.register([{ name: 'PRICES', transport: Transport.TCP, options: { host: '127.0.0.1', port } }]),
  ],
  controllers: [BasketController],
})
export class BasketModule {}
