import type { Db } from "../db/connect.ts"
import type { Domain } from "../db/schema.ts"
import { invalidField } from "../problem.ts"
import { defaultDomain, domainOfHost } from "../repositories/domains.ts"

/** The domain of a new link: the one its creator names, else the workspace's oldest. `at` points to the link in the body. */
export async function domainForLink(
  db: Db,
  workspaceId: string,
  host: string | undefined,
  at = "",
): Promise<Domain> {
  const pointer = `${at}/domain`
  if (host !== undefined) {
    const domain = await domainOfHost(db, workspaceId, host)
    if (domain !== undefined) return domain
    throw invalidField(pointer, "unknown_domain", `this workspace has no domain ${host}`)
  }
  const domain = await defaultDomain(db, workspaceId)
  if (domain !== undefined) return domain
  throw invalidField(pointer, "no_domain", "this workspace has no domain yet")
}
