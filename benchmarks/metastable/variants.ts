/** What calls and their server do about overload. */
export interface Variant {
  readonly name: string;
  /** `naive`: up to three attempts, each with the full timeout. `budget`: the same within a retry budget. `kit`: `retry` of rpc-kit. */
  readonly retries: 'naive' | 'budget' | 'kit';
  /** The handler passes its signal on, so that work whose caller has gone is not done. */
  readonly deadlines: boolean;
  /** The server refuses calls beyond its adaptive limit. */
  readonly shedding: boolean;
}

const NAIVE = { retries: 'naive', deadlines: false, shedding: false } as const;

export const VARIANTS = [
  { ...NAIVE, name: 'naive retries' },
  { ...NAIVE, name: '+ retry budget', retries: 'budget' },
  { ...NAIVE, name: '+ deadlines', deadlines: true },
  { ...NAIVE, name: '+ load shedding', shedding: true },
  { name: 'rpc-kit: all three', retries: 'kit', deadlines: true, shedding: true },
] as const satisfies readonly Variant[];

/** The two curves of the picture. */
export const [NAIVELY] = VARIANTS;
export const ALL = VARIANTS[VARIANTS.length - 1] as Variant;
