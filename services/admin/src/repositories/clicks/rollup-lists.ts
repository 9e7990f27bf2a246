const COUNTS = ["visits", "automated", "clicks"]

/** Of rows of one value each. */
export const SUMS = COUNTS.map((counts) => `sum(${counts})::bigint as ${counts}`).join(", ")

/** What such rows are as one row of a table. */
export const LISTS = listed("")

/** The same, where each has its place among the values. */
export const LISTS_BY_PLACE = listed("order by place")

function listed(order: string): string {
  const lists = ["value, E'\\n'", ...COUNTS.map((counts) => `${counts}::text, ','`)]
  return lists.map((list) => `string_agg(${list} ${order})`).join(", ")
}

const VALUES = "case value when '' then '{\"\"}' else string_to_array(value, E'\\n') end"

/** The values of rows as they are in quarter_rollups or day_rollups, each with what else is selected of its row. */
export function unnested(rows: string, columns: string): string {
  const each = [
    `unnest(${VALUES}) as value`,
    ...COUNTS.map((counts) => `unnest(string_to_array(${counts}, ',')::bigint[]) as ${counts}`),
  ]
  return `(select ${columns}, ${each.join(", ")} from ${rows}) as unnested`
}

/** The days in rows of month_rollups, value by value. */
export function unnestedDays(rows: string, columns: string): string {
  const cells = ["place", ...COUNTS]
  return `(
    select ${columns}, (counted->>'day')::date as day, (${VALUES})[place::int + 1] as value,
      ${COUNTS.map((counts) => `${counts}::bigint as ${counts}`).join(", ")}
    from (select ${columns}, value, json_array_elements(days) as counted from ${rows}) as of_days
      cross join rows from (
        json_array_elements_text(counted->'places'),
        ${COUNTS.map((counts) => `json_array_elements_text(counted->'${counts}')`).join(", ")}
      ) as cells (${cells.join(", ")})
  ) as unnested_days`
}
