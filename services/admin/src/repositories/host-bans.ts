import type { BanSet } from "@qiao/core/ban-set.ts"
import type { Db } from "../db/connect.ts"
import { banSetOf } from "../records.ts"

/** Of the bans in force those that can matter to targets on these hosts: of the hosts themselves and of every name above them. */
export async function hostBansAmong(db: Db, hosts: string[]): Promise<BanSet> {
  const names = new Set(hosts.flatMap(withNamesAbove))
  const rows = await db
    .selectFrom("bans")
    .select(["kind", "value"])
    .where("liftedAt", "is", null)
    .where("kind", "in", ["host", "domain"])
    .where("value", "in", [...names])
    .execute()
  return banSetOf(rows)
}

/** Up to the top-level domain. */
function withNamesAbove(host: string): string[] {
  const labels = host.split(".")
  return labels.map((_, n) => labels.slice(n).join("."))
}
