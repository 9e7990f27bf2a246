import type { QueryResult, QueryResultRow } from "pg"

/** A session of Postgres, or a pool of them. */
export type Queries = { query<Row extends QueryResultRow>(sql: string): Promise<QueryResult<Row>> }
