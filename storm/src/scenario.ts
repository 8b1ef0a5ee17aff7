import type { Dice } from './dice.ts';
import type { Goods } from './goods.ts';
import type { User } from './user.ts';

/**
 * Something that users do. All random choices are in the plan, which is made before the first call, so the plans of a seed
 * are the same whatever the mesh answers.
 */
interface Steps<Plan> {
  readonly name: string;
  /** How often it is chosen, relative to the others. */
  readonly weight: number;
  plan(dice: Dice, goods: Goods): Plan;
  play(plan: Plan, user: User): Promise<void>;
}

/** The type of the plan is not part of it, so that all scenarios fit one list. */
export interface Scenario extends Pick<Steps<unknown>, 'name' | 'weight'> {
  prepare(dice: Dice, goods: Goods): Session;
}

/** One turn of a user: a scenario with its plan. */
export interface Session {
  readonly scenario: string;
  readonly plan: unknown;
  play(user: User): Promise<void>;
}

export function defineScenario<Plan>(steps: Steps<Plan>): Scenario & Steps<Plan> {
  return {
    ...steps,
    prepare(dice, goods) {
      const plan = steps.plan(dice, goods);
      return { scenario: steps.name, plan, play: (user) => steps.play(plan, user) };
    },
  };
}

export function chooseSession(dice: Dice, scenarios: readonly Scenario[], goods: Goods): Session {
  const total = scenarios.reduce((sum, { weight }) => sum + weight, 0);
  let left = dice.between(1, total);
  const chosen = scenarios.find(({ weight }) => {
    left -= weight;
    return left <= 0;
  });
  if (chosen === undefined) throw new RangeError('There is no scenario to choose from.');
  return chosen.prepare(dice, goods);
}
