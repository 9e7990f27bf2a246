import { CamelCasePlugin, Kysely, PostgresDialect, type Transaction } from "kysely"
import pg from "pg"
import type { Database } from "./schema.ts"

export type Db = Kysely<Database>
export type Trx = Transaction<Database>

/** Counts and revisions stay far below 2^53, so `bigint` is read as a number. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) =>
    oid === pg.types.builtins.INT8 ? Number : (pg.types.getTypeParser(oid, format) as never),
}

/** The server gives up a statement after this; a client that is not told so gives up the server soon after. */
const STATEMENT_MAX_MS = 10_000
const ANSWER_MAX_MS = 2_000

/** A pool behind Kysely; snake_case in SQL, camelCase here. `onError` hears of idle connections that broke. */
export function connectDb(url: string, poolMax: number, onError: (err: Error) => void): Db {
  const pool = new pg.Pool({
    connectionString: url,
    max: poolMax,
    types,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 30_000,
    statement_timeout: STATEMENT_MAX_MS,
    query_timeout: STATEMENT_MAX_MS + ANSWER_MAX_MS,
    keepAlive: true,
  })
  pool.on("error", onError)
  // The pool listens to idle connections only: one that breaks in use would end the process, though its query fails as well.
  pool.on("connect", (client) => client.on("error", () => {}))
  return new Kysely({
    dialect: new PostgresDialect({ pool }),
    plugins: [new CamelCasePlugin({ maintainNestedObjectKeys: true })],
  })
}

/** One connection of its own, for session locks, LISTEN and COPY; `statementMaxMs` for those who work in the background. */
export async function connectClient(
  url: string,
  onError: (err: Error) => void,
  statementMaxMs = STATEMENT_MAX_MS,
): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    types,
    connectionTimeoutMillis: 5_000,
    statement_timeout: statementMaxMs,
    query_timeout: statementMaxMs + ANSWER_MAX_MS,
    keepAlive: true,
  })
  client.on("error", onError)
  await client.connect()
  // The server, too, lets go of a client that vanished, and of its locks, within half a minute.
  await client.query(
    "set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 3",
  )
  return client
}
