import type pg from "pg"
import { numberArray } from "./arrays.ts"

/** Remembers who was there on a day; answers with those who were not there before. `keys` may repeat. */
export async function addVisitorKeys(
  client: pg.ClientBase,
  day: string,
  keys: Iterable<bigint>,
): Promise<bigint[]> {
  const sorted = BigInt64Array.from(keys).sort()
  const { rows } = await client.query<{ added: string | null }>({
    name: "add-visitor-keys",
    text: `
      with added as (
        insert into visitor_keys (day, key) select $1::date, unnest($2::bigint[])
        on conflict do nothing returning key
      )
      select string_agg(key::text, ' ') as added from added`,
    values: [day, numberArray(sorted)],
  })
  return (rows[0]?.added ?? "").split(" ").filter(Boolean).map(BigInt)
}
