import type { Db } from "../../db/connect.ts"
import { shortUrlOf } from "../../links/link-answer.ts"

export type Name = { shortUrl?: string; title?: string | null; name?: string }

/** What links, also deleted ones, tags and domains are called; by their ids. Other values have no name. */
export async function namesOf(db: Db, by: string, ids: string[]): Promise<Map<string, Name>> {
  if (ids.length === 0) return new Map()
  switch (by) {
    case "link": {
      const links = await linkNames(db, ids)
      return new Map(
        links.map(({ id, origin, code, title }) => [id, { shortUrl: shortUrlOf(origin, code), title }]),
      )
    }
    case "tag": {
      const tags = await db.selectFrom("tags").select(["id", "name"]).where("id", "in", ids).execute()
      return new Map(tags.map(({ id, name }) => [id, { name }]))
    }
    case "domain": {
      const domains = await db.selectFrom("domains").select(["id", "host"]).where("id", "in", ids).execute()
      return new Map(domains.map(({ id, host }) => [id, { name: host }]))
    }
    default:
      return new Map()
  }
}

export type LinkName = { id: string; origin: string; code: string; title: string | null }

export function linkNames(db: Db, ids: string[]): Promise<LinkName[]> {
  if (ids.length === 0) return Promise.resolve([])
  return db
    .selectFrom("links as l")
    .innerJoin("domains as d", "d.id", "l.domainId")
    .select(["l.id", "l.code", "l.title", "d.origin"])
    .where("l.id", "in", ids)
    .execute()
}
