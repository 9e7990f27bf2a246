import type pg from "pg"
import { widerScopes } from "../../ingest/counting.ts"
import { earliestOf, type GuideToken, type TokenTimes } from "../../ingest/guide-tokens.ts"
import { add, type Tally, valuesOf } from "../../ingest/tally.ts"
import { localDay } from "../../local-day.ts"
import { textArray } from "../arrays.ts"

/** `place`: among those that were asked for, from 1. */
type Row = { place: number; shown_ms: number | null; returned_ms: number | null }

/**
 * Keeps the earliest times, so that it does not matter how often, and in which order, visits come, and adds to `days` what changed by
 * that. `tokens` are in key order. For whoever holds the counting: what is not there is nobody else's to add.
 */
export async function addGuideTokens(
  client: pg.ClientBase,
  tokens: GuideToken[],
  days: Tally,
): Promise<void> {
  if (tokens.length === 0) return
  const known = await lockTokens(client, tokens)
  const fresh: GuideToken[] = []
  const changed: GuideToken[] = []
  tokens.forEach((seen, at) => {
    const before = known.get(at + 1)
    const after = before === undefined ? seen : earliestOf(before, seen)
    if (after.shownAtMs === before?.shownAtMs && after.returnedAtMs === before.returnedAtMs) return
    if (before !== undefined) count(days, seen, before, -1)
    count(days, seen, after, 1)
    if (before === undefined) fresh.push(seen)
    else changed.push({ ...seen, ...after })
  })
  await insertTokens(client, fresh)
  await updateTimes(client, changed)
}

/** The times of those that are there, by their places; upkeep deletes none of them meanwhile. */
async function lockTokens(client: pg.ClientBase, tokens: GuideToken[]): Promise<Map<number, TokenTimes>> {
  const { rows } = await client.query<Row>({
    name: "lock-guide-tokens",
    text: `
      select place, date_part('epoch', shown_at) * 1000 as shown_ms, date_part('epoch', returned_at) * 1000 as returned_ms
      from unnest($1::text[], $2::text[]) with ordinality as wanted (link_id, token, place)
      join guide_tokens g using (link_id, token) order by place for update of g`,
    values: columnsOf(tokens).slice(0, 2),
  })
  return new Map(
    rows.map(({ place, shown_ms, returned_ms }) => [
      place,
      { shownAtMs: roundedOf(shown_ms), returnedAtMs: roundedOf(returned_ms) },
    ]),
  )
}

const roundedOf = (ms: number | null): number | null => (ms === null ? null : Math.round(ms))

/** A token counts by the day on which it was shown; one that was not shown there was made up, or is of another link. */
function count(days: Tally, { linkId, link }: GuideToken, times: TokenTimes, sign: 1 | -1): void {
  if (times.shownAtMs === null) return
  const day = localDay(times.shownAtMs, link?.timeZone ?? "UTC")
  const one = { visits: sign, automated: 0, clicks: 0 }
  for (const scopeId of [linkId, ...(link === undefined ? [] : widerScopes(link))]) {
    const values = valuesOf(days, scopeId, "guide", day)
    add(values, "shown", one)
    if (times.returnedAtMs !== null) add(values, "returned", one)
  }
}

/** By the number, which is sooner written and read than a date. */
const TIME = (ms: string): string => `'epoch'::timestamptz + ${ms} * interval '1 ms'`

async function insertTokens(client: pg.ClientBase, tokens: GuideToken[]): Promise<void> {
  if (tokens.length === 0) return
  await client.query({
    name: "add-guide-tokens",
    text: `
      insert into guide_tokens (link_id, token, shown_at, returned_at)
      select link_id, token, ${TIME("shown_ms")}, ${TIME("returned_ms")}
      from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) as seen (link_id, token, shown_ms, returned_ms)`,
    values: columnsOf(tokens),
  })
}

async function updateTimes(client: pg.ClientBase, tokens: GuideToken[]): Promise<void> {
  if (tokens.length === 0) return
  await client.query({
    name: "update-guide-tokens",
    text: `
      update guide_tokens g set shown_at = ${TIME("shown_ms")}, returned_at = ${TIME("returned_ms")}
      from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) as seen (link_id, token, shown_ms, returned_ms)
      where g.link_id = seen.link_id and g.token = seen.token`,
    values: columnsOf(tokens),
  })
}

function columnsOf(tokens: GuideToken[]): string[] {
  return [
    textArray(tokens.map(({ linkId }) => linkId)),
    textArray(tokens.map(({ token }) => token)),
    timeArray(tokens.map(({ shownAtMs }) => shownAtMs)),
    timeArray(tokens.map(({ returnedAtMs }) => returnedAtMs)),
  ]
}

const timeArray = (times: (number | null)[]): string => `{${times.map((ms) => ms ?? "null").join()}}`
