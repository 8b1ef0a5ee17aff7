/** What the hot path counts with: a plain field, without a look-up of labels. Those of rpc-kit/metrics end up in prom-client. */
export interface Tally {
  value: number;
}

/** What the hot path measures with. */
export interface Distribution {
  observe(value: number): void;
}
