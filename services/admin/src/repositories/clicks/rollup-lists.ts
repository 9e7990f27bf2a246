const COUNTS = ["visits", "automated", "clicks"]

/** Of rows of one value each. */
export const SUMS = COUNTS.map((counts) => `sum(${counts})::bigint as ${counts}`).join(", ")

/** What such rows are as one row of quarter_rollups or day_rollups. */
export const LISTS = [
  "string_agg(value, E'\\n')",
  ...COUNTS.map((counts) => `string_agg(${counts}::text, ',')`),
].join(", ")

/** The values of rows as they are in a table, each with what else is selected of its row. */
export function unnested(rows: string, columns: string): string {
  const each = [
    "unnest(case value when '' then '{\"\"}' else string_to_array(value, E'\\n') end) as value",
    ...COUNTS.map((counts) => `unnest(string_to_array(${counts}, ',')::bigint[]) as ${counts}`),
  ]
  return `(select ${columns}, ${each.join(", ")} from ${rows}) as unnested`
}
