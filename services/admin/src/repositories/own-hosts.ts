import type { Db } from "../db/connect.ts"

/** Which of the hosts are domains of this instance, by their main host or an alias. */
export async function ownHostsAmong(db: Db, hosts: string[]): Promise<Set<string>> {
  const rows = await db.selectFrom("domainHosts").select("host").where("host", "in", hosts).execute()
  return new Set(rows.map(({ host }) => host))
}
