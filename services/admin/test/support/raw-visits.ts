import { sql } from "kysely"
import type { Db } from "../../src/db/connect.ts"

/** The first day of what is seeded. */
export const FIRST_DAY = "2026-11-01"

/** Day partitions as ingest makes them. */
export async function makeDays(db: Db, days: number): Promise<void> {
  for (let day = 0; day < days; day++) {
    const from = new Date(Date.parse(FIRST_DAY) + day * 86_400_000)
    const to = new Date(from.getTime() + 86_400_000)
    const name = `visits_${from.toISOString().slice(0, 10).replaceAll("-", "")}`
    await sql`
      create table if not exists ${sql.table(name)} partition of visits
      for values from (${sql.lit(from.toISOString())}) to (${sql.lit(to.toISOString())})`.execute(db)
  }
}

/** Of one statement, which must not take too long. */
const CHUNK_ROWS = 20_000

type Seed = { workspaceId: string; linkIds: string[]; count: number; days: number }

/** Visits at random times, in no order, tens of them within the same millisecond: the same ones every time. */
export async function seedVisits(db: Db, { workspaceId, linkIds, count, days }: Seed): Promise<void> {
  const milliseconds = Math.max(1, Math.floor(count / 20))
  const random = (of: number, max: number) => sql`(abs(hashint8(i * 16 + ${sql.lit(of)})) % ${sql.lit(max)})`
  const pick = (of: number, words: string[]) => sql`(${words}::text[])[1 + ${random(of, words.length)}]`
  const add = (from: number, to: number) => sql`
    insert into visits (at, link_id, workspace_id, outcome, automated, synthetic, platform, os, device, browser, language,
      referrer, rule, variant, country, region, city, isp, visitor)
    select ${FIRST_DAY}::timestamptz + interval '1 day' * ${days} * (${random(1, milliseconds)}::float8 / ${milliseconds}),
      ${pick(2, linkIds)}, ${workspaceId}, ${pick(3, ["redirect", "redirect", "guide", "denied"])},
      ${random(4, 10)} = 0, ${random(5, 20)} = 0, ${pick(6, ["wechat", "qq", "browser"])}, ${pick(7, ["ios", "android"])},
      'phone', 'chrome', ${pick(8, ["zh-CN", "en"])}, ${pick(9, ["", "mp.weixin.qq.com"])}, ${pick(10, ["", "vip"])}, '', 'CN',
      ${pick(11, ["CN-SH", "CN-BJ"])}, ${pick(12, ["Shanghai", "Beijing"])}, ${pick(13, ["Telecom", "Unicom", "Mobile"])},
      hashint8(i)::bigint << 20
    from generate_series(${from}::bigint, ${to}) as i`
  for (let from = 1; from <= count; from += CHUNK_ROWS)
    await add(from, Math.min(from + CHUNK_ROWS - 1, count)).execute(db)
  await sql`analyze visits`.execute(db)
}
