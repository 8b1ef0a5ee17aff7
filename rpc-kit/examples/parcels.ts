import { type } from 'arktype';
import { defineService, implement, jsonSchema, standardSchema } from 'rpc-kit';

interface Parcel {
  readonly id: bigint;
  readonly grams: number;
  readonly sentAt?: Date;
}

/** As it might stand in a file. */
const parcelSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  properties: {
    id: { type: 'integer', format: 'int64' },
    grams: { type: 'integer', minimum: 1, maximum: 30_000 },
    sentAt: { type: 'string', format: 'date-time' },
  },
  required: ['id', 'grams'],
  additionalProperties: false,
};

export const parcels = defineService(
  'parcels',
  { summary: 'Sends parcels.', version: '1.0.0' },
  {
    send: {
      summary: 'Sends a parcel.',
      params: standardSchema(type({ '+': 'reject', grams: '1 <= number.integer <= 30000' })),
      result: jsonSchema<Parcel>(parcelSchema),
      timeoutMs: 500,
      example: { params: { grams: 250 }, result: { id: 1, grams: 250 } },
    },
  },
);

export const parcelsService = implement(parcels, {
  async send({ grams }) {
    return { id: 2n ** 53n + 1n, grams, sentAt: new Date('2026-01-31T12:00:00Z') };
  },
});
