// Repositories know the domain and SQL, and no rpc-kit.
export { storableText } from 'rpc-kit';
export { type Background, startBackground } from './background.ts';
export { startCarriedSpan } from './carried-trace.ts';
export { loadCatalogue } from './catalogue.ts';
export {
  ConfigError,
  commonVariables,
  type DescribedVariable,
  describeConfig,
  EVEN_WITH_MISTAKES,
  KEPT_DAYS,
  loadConfig,
  maskSecrets,
} from './config.ts';
export { type CallScope, type Database, type Executor, openDatabase } from './database.ts';
export {
  CommitUnconfirmed,
  DatabaseUnavailable,
  databaseErrors,
  isFaultOfData,
  isLostRace,
  SQLSTATE,
  sqlStateOf,
} from './database-errors.ts';
export { parseDatabaseUrl } from './database-url.ts';
export {
  checkKafka,
  explainKafkaFailure,
  type KafkaAccess,
  type KafkaConfig,
  kafkaVariables,
  readKafkaAccess,
  toKafkaClient,
} from './kafka-access.ts';
export { switchLogLevelOnSignal } from './log-level.ts';
export { createLogger } from './logger.ts';
export {
  createOperationJournal,
  journalOperations,
  type Operation,
  type OperationJournal,
  startForgetting,
} from './operation-journal.ts';
export { openPeer, type Peer, type PeerOptions } from './peer.ts';
export { pendingMigrations } from './pending-migrations.ts';
export { PROFILE_SECONDS, type ProfileSocketOptions, profileSocketPath, serveProfiles } from './profile-socket.ts';
export { readAtScrape } from './read-at-scrape.ts';
export { databaseReadiness } from './readiness.ts';
export { createRegistry } from './registry.ts';
export { announce, run, runTool } from './run.ts';
export { type ServingParts, serviceOptions } from './serving.ts';
export { createSharedTokenBucket, type SharedTokenBucketOptions } from './shared-token-bucket.ts';
export { fixedStatement, type Statement, shapedStatement, sql } from './sql.ts';
export { isProfileKind, PROFILE_KINDS, type ProfileKind } from './take-profile.ts';
export { startTracing, type TracingSettings } from './tracing.ts';
export { variable } from './variables.ts';
