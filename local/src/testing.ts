/** What the integration tests of the services and the end-to-end tests use. */
export { createEmptyTestDatabase, createTestDatabase, type TestDatabase } from './test-database.ts';
export { startMesh, type TestMesh } from './test-mesh.ts';
