/** What the keeper is to run. It goes over the IPC channel: neither arguments nor environment would hide the password. */
export type KeeperTask = {
  /** Left out where Postgres runs elsewhere, and only pgbouncers are to be kept. */
  postgres?: PostgresTask;
  pgbouncers: { program: string; instances: PgbouncerInstance[] };
};
export type PostgresTask = {
  initdb: string;
  postgres: string;
  /** Holds `data`; belongs to the user whom the keeper runs as. */
  directory: string;
  host: string;
  port: number;
  superuserPassword: string;
  settings: Record<string, string>;
};
export type PgbouncerInstance = { name: string; configFile: string; host: string; port: number };

export type ToKeeper = { kind: 'start'; task: KeeperTask } | { kind: 'stop' };

export type FromKeeper =
  | { kind: 'progress'; text: string }
  | { kind: 'spawned'; name: string; pid: number }
  | { kind: 'ready' }
  | { kind: 'failed'; message: string };
