export { startProducts } from './in-process.ts';
