/** `orderID` → `order_id`, `startAfterSku` → `start_after_sku`, `awaiting payment` → `awaiting_payment`. */
export function toSnakeCase(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .toLowerCase();
}

/** `createOrder` → `CreateOrder`, `get_product` → `GetProduct`, `orderID` → `OrderId`. */
export function toPascalCase(name: string): string {
  return toSnakeCase(name)
    .split('_')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
}

/** `OrderStatus` and `awaiting payment` → `ORDER_STATUS_AWAITING_PAYMENT`: values of all enums of a file share one scope. */
export function toEnumValueName(enumName: string, value: string): string {
  return `${toSnakeCase(enumName)}_${toSnakeCase(value)}`.toUpperCase();
}

/** The JSON name that protoc gives a field: `order_id` → `orderId`. */
export function toDefaultJsonName(fieldName: string): string {
  return fieldName.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** `items` → `item`: the name of one element of a list. */
export function toSingular(name: string): string {
  return name.endsWith('s') ? name.slice(0, -1) : name;
}
