/** The parts of a call's caller that name its service. */
interface CallerNames {
  readonly service?: string | undefined;
  readonly name?: string | undefined;
}

/**
 * The calling service: proven, or, with ACCESS=open, as the User-Agent names it. Both are the same text, so that idempotency keys stay
 * valid when ACCESS changes, and checkout/0.1.0 and checkout/0.2.0 are one caller, whose call is repeated across an upgrade.
 */
export function callingService({ service, name = '' }: CallerNames): string {
  return service ?? (name.split('/', 1)[0] as string);
}
