import type pg from "pg"
import { widerScopes } from "../counting.ts"
import { earliestOf, type GuideToken, type TokenTimes } from "../guide-tokens.ts"
import { localDay } from "../local-day.ts"
import { add, type Tally, valuesOf } from "../tally.ts"
import { textArray } from "./arrays.ts"

type Row = { link_id: string; token: string; shown_at: Date | null; returned_at: Date | null }

/**
 * Keeps the earliest times, so that it does not matter how often, and in which order, visits come, and adds to `days` what changed by
 * that. `tokens` are in key order.
 */
export async function addGuideTokens(
  client: pg.ClientBase,
  tokens: GuideToken[],
  days: Tally,
): Promise<void> {
  if (tokens.length === 0) return
  const added = await insertTokens(client, tokens)
  for (const token of tokens) if (added.has(keyOf(token))) count(days, token, token, 1)
  await changeTokens(
    client,
    tokens.filter((token) => !added.has(keyOf(token))),
    days,
  )
}

async function insertTokens(client: pg.ClientBase, tokens: GuideToken[]): Promise<Set<string>> {
  const { rows } = await client.query<Row>({
    name: "add-guide-tokens",
    text: `
      insert into guide_tokens (link_id, token, shown_at, returned_at)
      select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[])
      on conflict do nothing returning link_id, token`,
    values: columnsOf(tokens),
  })
  return new Set(rows.map(({ link_id, token }) => keyOf({ linkId: link_id, token })))
}

async function changeTokens(client: pg.ClientBase, tokens: GuideToken[], days: Tally): Promise<void> {
  if (tokens.length === 0) return
  const { rows } = await client.query<Row>({
    name: "lock-guide-tokens",
    text: `
      select g.* from unnest($1::text[], $2::text[]) with ordinality as wanted (link_id, token, place)
      join guide_tokens g using (link_id, token) order by place for update of g`,
    values: columnsOf(tokens).slice(0, 2),
  })
  const known = new Map(rows.map((row) => [keyOf({ linkId: row.link_id, token: row.token }), timesOf(row)]))
  const changed: GuideToken[] = []
  for (const seen of tokens) {
    const before = known.get(keyOf(seen)) ?? NEVER
    const after = earliestOf(before, seen)
    if (after.shownAtMs === before.shownAtMs && after.returnedAtMs === before.returnedAtMs) continue
    count(days, seen, before, -1)
    count(days, seen, after, 1)
    changed.push({ ...seen, ...after })
  }
  await updateTimes(client, changed)
}

const NEVER: TokenTimes = { shownAtMs: null, returnedAtMs: null }

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

async function updateTimes(client: pg.ClientBase, tokens: GuideToken[]): Promise<void> {
  if (tokens.length === 0) return
  await client.query({
    name: "update-guide-tokens",
    text: `
      update guide_tokens g set shown_at = seen.shown_at, returned_at = seen.returned_at
      from unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[])
        as seen (link_id, token, shown_at, returned_at)
      where g.link_id = seen.link_id and g.token = seen.token`,
    values: columnsOf(tokens),
  })
}

function columnsOf(tokens: GuideToken[]): unknown[] {
  return [
    textArray(tokens.map(({ linkId }) => linkId)),
    textArray(tokens.map(({ token }) => token)),
    tokens.map(({ shownAtMs }) => dateOf(shownAtMs)),
    tokens.map(({ returnedAtMs }) => dateOf(returnedAtMs)),
  ]
}

const keyOf = ({ linkId, token }: Pick<GuideToken, "linkId" | "token">): string => `${linkId} ${token}`

function timesOf({ shown_at, returned_at }: Row): TokenTimes {
  return { shownAtMs: shown_at?.getTime() ?? null, returnedAtMs: returned_at?.getTime() ?? null }
}

const dateOf = (ms: number | null): Date | null => (ms === null ? null : new Date(ms))
