import { type RawBuilder, sql } from "kysely"
import type { Counts } from "../../counts.ts"
import { OTHER } from "../../rollups.ts"

/** Counts of one interval, by its number from 1 on, and one value; "" where nothing is grouped. */
export type CountsRow = Counts & { interval: number; value: string }

/** The values that keep their name: those with the most, or these. The rest becomes OTHER. */
export type Names = { most: number; by: "visits" | "clicks" } | { are: string[] } | "all"

/** A row's value as it is told where the names are known already, so that there are few groups. */
export function named(value: RawBuilder<unknown>, names: Names): RawBuilder<unknown> {
  if (names === "all" || "most" in names) return value
  return sql`case when ${value} = any(${names.are}::text[]) then ${value} else ${OTHER} end`
}

/** In doubles, which count exactly up to 2^53: a sum of `bigint` is `numeric`, which takes several times as long. */
const SUMS = sql`
  sum(visits::float8) as visits, sum(automated::float8) as automated, sum(clicks::float8) as clicks`

/** Adds up rows of counts; `counted` selects interval, value as it is named, visits, automated, clicks. */
export function summed(counted: RawBuilder<unknown>, names: Names): RawBuilder<CountsRow> {
  if (names === "all" || "are" in names)
    return sql`select interval, value, ${SUMS} from (${counted}) as counted group by 1, 2`
  return sql`
    with counted as materialized (${counted}), named as (
      select value from counted where value <> ${OTHER}
      group by value order by sum(${sql.ref(names.by)}) desc, sum(visits) desc, value limit ${names.most}
    )
    select interval, coalesce(named.value, ${OTHER}) as value, ${SUMS}
    from counted left join named on named.value = counted.value
    group by 1, 2`
}
