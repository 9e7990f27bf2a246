/** Of rows of one value each. */
export const SUMS =
  "sum(visits)::bigint as visits, sum(automated)::bigint as automated, sum(clicks)::bigint as clicks"

/** What such rows are as one row of quarter_rollups or day_rollups. */
export const ARRAYS = "array_agg(value), array_agg(visits), array_agg(automated), array_agg(clicks)"

/** The values of rows as they are in a table, each with what else is selected of its row. */
export const unnested = (rows: string, columns: string): string =>
  `(select ${columns}, unnest(value) as value, unnest(visits) as visits, unnest(automated) as automated,
    unnest(clicks) as clicks from ${rows}) as unnested`
