import type { Dice } from './dice.ts';
import type { Goods } from './goods.ts';
import type { User } from './user.ts';

/**
 * Something that users do. All chance is in the plan, which is drawn before the first call, so that the plans of a seed are
 * the same whatever the mesh answers.
 */
export interface Scenario<Plan> {
  readonly name: string;
  /** How often it is chosen, compared with the others. */
  readonly weight: number;
  plan(dice: Dice, goods: Goods): Plan;
  play(plan: Plan, user: User): Promise<void>;
}

/** One turn of a user: a scenario with its plan. */
export interface Session {
  readonly scenario: string;
  readonly plan: unknown;
  play(user: User): Promise<void>;
}

/** A scenario whose kind of plan is nobody else's business. */
export interface PlannedScenario {
  readonly name: string;
  readonly weight: number;
  prepare(dice: Dice, goods: Goods): Session;
}

export function toPlanned<Plan>({ name, weight, plan, play }: Scenario<Plan>): PlannedScenario {
  return {
    name,
    weight,
    prepare(dice, goods) {
      const drawn = plan(dice, goods);
      return { scenario: name, plan: drawn, play: (user) => play(drawn, user) };
    },
  };
}

export function chooseSession(dice: Dice, scenarios: readonly PlannedScenario[], goods: Goods): Session {
  const total = scenarios.reduce((sum, { weight }) => sum + weight, 0);
  let left = dice.between(1, total);
  const chosen = scenarios.find(({ weight }) => {
    left -= weight;
    return left <= 0;
  });
  if (chosen === undefined) throw new RangeError('There is no scenario to choose.');
  return chosen.prepare(dice, goods);
}
