import type { Route } from '../route.ts';
import { authRoutes } from './auth.ts';
import { cartRoutes } from './cart.ts';
import { meRoutes } from './me.ts';
import { notificationRoutes } from './notifications.ts';
import { orderRoutes } from './orders.ts';
import { productRoutes } from './products.ts';
import { userRoutes } from './users.ts';

/** The REST API, below `/v1`, by subject. */
export const ROUTES = {
  auth: authRoutes,
  me: meRoutes,
  products: productRoutes,
  cart: cartRoutes,
  orders: orderRoutes,
  notifications: notificationRoutes,
  users: userRoutes,
} as const satisfies Record<string, readonly Route[]>;

export const PREFIX = '/v1';

export type { Route };
