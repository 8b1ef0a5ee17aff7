// Repositories know the domain and SQL, and no rpc-kit.
export { storableText } from 'rpc-kit';
export { type Background, startBackground } from './background/background.ts';
export { type Claim, createRelay, type Relay, type RelayOptions } from './background/relay.ts';
export { type DelayBounds, retryDelayMs } from './background/retry-delay.ts';
export { openPeer, type Peer, type PeerOptions } from './calling/peer.ts';
export { createSharedTokenBucket } from './calling/shared-token-bucket.ts';
export { createTokenStore, forgetFullBuckets } from './calling/token-store.ts';
export {
  commonVariables,
  type DescribedVariable,
  databaseVariables,
  describeConfig,
  EVEN_WITH_MISTAKES,
  KEPT_DAYS,
  loadConfig,
  peerVariables,
  serviceVariables,
} from './config.ts';
export { type Database, type Executor, inBackground, openDatabase } from './database/database.ts';
export {
  CommitUnconfirmed,
  DatabaseUnavailable,
  databaseErrors,
  isFaultOfData,
  isLostRace,
  isViolationOf,
  LostRace,
  SQLSTATE,
  sqlStateOf,
} from './database/database-errors.ts';
export { parseDatabaseUrl } from './database/database-url.ts';
export { pendingMigrations } from './database/pending-migrations.ts';
export { sql } from './database/sql.ts';
export { preparedStatement, type Statement, statement } from './database/statement.ts';
export { createTurns } from './database/turns.ts';
export { type FollowedFiles, followFiles } from './followed-files.ts';
export { createGrouping } from './grouping.ts';
export { callingService } from './identity/calling-service.ts';
export { type AccessMode, type Identity, type IdentityConfig, openIdentity } from './identity/identity.ts';
export {
  checkKafka,
  explainKafkaFailure,
  type KafkaAccess,
  type KafkaConfig,
  kafkaVariables,
  readKafkaAccess,
  toKafkaClient,
} from './kafka-access.ts';
export { loadRows } from './load-rows.ts';
export { toNetwork } from './network.ts';
export { startCarriedSpan } from './observing/carried-trace.ts';
export { createLogger } from './observing/logger.ts';
export {
  PROFILE_SECONDS,
  profileSocketPath,
  serveProfiles,
} from './observing/profile-socket.ts';
export { type Backlog, queueGauges, readForScrape } from './observing/queue-gauges.ts';
export { createRegistry } from './observing/registry.ts';
export { isProfileKind, PROFILE_KINDS, type ProfileKind } from './observing/take-profile.ts';
export { startTracing } from './observing/tracing.ts';
export { type OpenProcess, openProcess } from './open-process.ts';
export { openService } from './open-service.ts';
export { run, runTool } from './run.ts';
export { answerRefusals } from './serving/answer-refusals.ts';
export {
  createOperationJournal,
  type Operation,
  startForgetting,
} from './serving/operation-journal.ts';
export { createPages } from './serving/pages.ts';
export { databaseReadiness } from './serving/readiness.ts';
export { type ServingParts, serviceOptions } from './serving/serving.ts';
export { variable } from './variables.ts';
