import type pg from "pg"
import type { GuideTokenTimes } from "../guide-tokens.ts"

/** Keeps the earliest times, so that it does not matter how often, and in which order, visits come. `tokens` are in key order. */
export async function addGuideTokens(client: pg.ClientBase, tokens: GuideTokenTimes[]): Promise<void> {
  if (tokens.length === 0) return
  await client.query(
    `insert into guide_tokens as g (link_id, token, shown_at, returned_at)
     select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[])
     on conflict (link_id, token) do update set
       shown_at = least(g.shown_at, excluded.shown_at), returned_at = least(g.returned_at, excluded.returned_at)`,
    [
      tokens.map(({ linkId }) => linkId),
      tokens.map(({ token }) => token),
      tokens.map(({ shownAtMs }) => dateOf(shownAtMs)),
      tokens.map(({ returnedAtMs }) => dateOf(returnedAtMs)),
    ],
  )
}

const dateOf = (ms: number | null): Date | null => (ms === null ? null : new Date(ms))
