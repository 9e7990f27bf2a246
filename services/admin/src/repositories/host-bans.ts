import type { BanSet } from "@qiao/core/ban-set.ts"
import { namesAbove } from "@qiao/core/host.ts"
import type { Db } from "../db/connect.ts"
import { banSetOf } from "../publishing/records.ts"

/** Of the bans in force those that can matter to targets on these hosts: of the hosts themselves and of every name above them. */
export async function hostBansAmong(db: Db, hosts: string[]): Promise<BanSet> {
  const names = new Set(hosts.flatMap(namesAbove))
  const rows = await db
    .selectFrom("bans")
    .select(["kind", "value"])
    .where("liftedAt", "is", null)
    .where("kind", "in", ["host", "domain"])
    .where("value", "in", [...names])
    .execute()
  return banSetOf(rows)
}
