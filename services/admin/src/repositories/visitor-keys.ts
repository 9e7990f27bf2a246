import type pg from "pg"
import { numberArray } from "./arrays.ts"

/** One at a time over all ingests. */
const COUNTING_LOCK = 7_106

/**
 * Until the transaction ends, no other ingest counts. Nearly all of them would wait for each other's rows anyway; so they wait at one
 * place, and who is new can be asked before it is written, which takes half as long as leaving it to ON CONFLICT.
 */
export async function lockCounting(client: pg.ClientBase): Promise<void> {
  await client.query({
    name: "lock-counting",
    text: "select pg_advisory_xact_lock($1)",
    values: [COUNTING_LOCK],
  })
}

/** Remembers who was there on a day, for whoever holds the counting; answers with those who were not there before. */
export async function addVisitorKeys(
  client: pg.ClientBase,
  day: string,
  keys: Iterable<bigint>,
): Promise<BigInt64Array> {
  const wanted = BigInt64Array.from(keys).sort()
  const { rows } = await client.query<{ known: string | null }>({
    name: "find-visitor-keys",
    text: `select string_agg(key::text, ' ') as known from visitor_keys where day = $1 and key = any($2::bigint[])`,
    values: [day, numberArray(wanted)],
  })
  const known = new Set((rows[0]?.known ?? "").split(" ").filter(Boolean).map(BigInt))
  const fresh = wanted.filter((key) => !known.has(key))
  if (fresh.length > 0) {
    await client.query({
      name: "add-visitor-keys",
      text: "insert into visitor_keys (day, key) select $1::date, unnest($2::bigint[])",
      values: [day, numberArray(fresh)],
    })
  }
  return fresh
}
