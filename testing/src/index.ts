/** Shared by the integration tests of the services, the end-to-end tests and the benchmarks. */

export { type PerService, pickFreePorts, SERVICES } from 'mesh';
export { breaksOfParams } from './document-proof/breaks.ts';
export { type FetchedDocument, fetchDocument } from './document-proof/documents.ts';
export { type Answer, createExchange, type Exchange, type Request } from './document-proof/exchange.ts';
export { judge, type Operation, operationsOf } from './document-proof/openapi-judge.ts';
export { paramsOf } from './document-proof/plain-face.ts';
export { DOCUMENT_SEED, itKeepsItsDocuments } from './document-proof/prove-documents.ts';
export { valuesOf } from './document-proof/values.ts';
export { eventually } from './patience.ts';
export {
  itReadsByIndexOnly,
  keptPlanOf,
  lastOf,
  PLANNED_ORDERS,
  pretendRows,
  rowsReadBy,
  writePast,
} from './query-plans.ts';
export { queryOn, type RanStatement, recordStatements, rolledBack } from './ran-statements.ts';
export type { RunningService } from './running-service.ts';
export { openMeshAlone, openServerAlone } from './server-alone.ts';
export { browserProgram } from './test-browser.ts';
export { createEmptyTestDatabase, createTestDatabase, type TestDatabase } from './test-database.ts';
export { createPart, readTestFolder } from './test-folder.ts';
export {
  type MortalKafka,
  readTestBrokers,
  type SecuredKafka,
  startMortalKafka,
  startSecuredKafka,
} from './test-kafka.ts';
export { startMesh, type TestMesh } from './test-mesh.ts';
export { prometheusProgram } from './test-prometheus.ts';
