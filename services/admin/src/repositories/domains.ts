import { domainKey } from "@qiao/core/keys.ts"
import type { Db, Trx } from "../db/connect.ts"
import type { Domain } from "../db/schema.ts"
import { notFound, Problem } from "../problem.ts"
import type { Reach } from "./keys.ts"
import { type Page, type PageRequest, paged } from "./page.ts"
import { buryKey, claimKey, type Publication, touchKey } from "./publications.ts"

type DomainSettings = Omit<
  Domain,
  "id" | "workspaceId" | "host" | "caseSensitive" | "version" | "createdAt" | "updatedAt"
>

export type DomainPatch = Partial<DomainSettings>

export type DomainCreate = DomainPatch &
  Pick<Domain, "workspaceId" | "host" | "caseSensitive" | "aliases" | "origin">

export function listDomains(db: Db, workspaceId: string, page: PageRequest): Promise<Page<Domain>> {
  return paged(db.selectFrom("domains").selectAll().where("workspaceId", "=", workspaceId), page)
}

export async function findDomain(db: Db, reach: Reach, id: string): Promise<Domain> {
  return found(await byId(db, reach, id).executeTakeFirst())
}

export async function lockDomain(trx: Trx, reach: Reach, id: string): Promise<Domain> {
  return found(await byId(trx, reach, id).forUpdate().executeTakeFirst())
}

const byId = (db: Db, reach: Reach, id: string) =>
  db
    .selectFrom("domains")
    .selectAll()
    .where("id", "=", id)
    .$if(reach !== "instance", (query) => query.where("workspaceId", "=", reach))

function found(domain: Domain | undefined): Domain {
  if (domain === undefined) throw notFound("domain")
  return domain
}

/** The workspace's domain that answers on `host`, by its main host or an alias; undefined when there is none. */
export function domainOfHost(db: Db, workspaceId: string, host: string): Promise<Domain | undefined> {
  return db
    .selectFrom("domains as d")
    .innerJoin("domainHosts as h", "h.domainId", "d.id")
    .selectAll("d")
    .where("d.workspaceId", "=", workspaceId)
    .where("h.host", "=", host)
    .executeTakeFirst()
}

/** The domain that new links get when their creator names none: the workspace's oldest. */
export function defaultDomain(db: Db, workspaceId: string): Promise<Domain | undefined> {
  return db
    .selectFrom("domains")
    .selectAll()
    .where("workspaceId", "=", workspaceId)
    .orderBy("id")
    .limit(1)
    .executeTakeFirst()
}

export async function createDomain(
  trx: Trx,
  id: string,
  values: DomainCreate,
): Promise<{ domain: Domain; publications: Publication[] }> {
  const domain = await trx
    .insertInto("domains")
    .values({ id, ...columnsOf(values) })
    .onConflict((conflict) => conflict.column("host").doNothing())
    .returningAll()
    .executeTakeFirst()
  if (domain === undefined) throw hostTaken(values.host)
  return { domain, publications: await addHosts(trx, id, [values.host, ...values.aliases]) }
}

/** Changes a domain that the caller locked. */
export async function updateDomain(
  trx: Trx,
  before: Domain,
  patch: DomainPatch,
): Promise<{ domain: Domain; publications: Publication[] }> {
  const domain = await trx
    .updateTable("domains")
    .set((eb) => ({ ...columnsOf(patch), version: eb("version", "+", 1), updatedAt: eb.fn<Date>("now", []) }))
    .where("id", "=", before.id)
    .returningAll()
    .executeTakeFirstOrThrow()
  const kept = before.aliases.filter((alias) => domain.aliases.includes(alias))
  const removed = before.aliases.filter((alias) => !kept.includes(alias))
  const added = domain.aliases.filter((alias) => !kept.includes(alias))
  const publications = await addHosts(trx, domain.id, added)
  publications.push(...(await removeHosts(trx, removed)))
  for (const host of [domain.host, ...kept]) publications.push(await touchKey(trx, domainKey(host)))
  return { domain, publications }
}

function columnsOf<T extends DomainPatch>({ files, platformStatus, ...columns }: T) {
  return {
    ...columns,
    ...(files !== undefined && { files: JSON.stringify(files) }),
    ...(platformStatus !== undefined && { platformStatus: JSON.stringify(platformStatus) }),
  }
}

/** Deletes a domain that the caller locked. A domain that has or had links stays: the codes of its deleted links answer 410 for good. */
export async function deleteDomain(trx: Trx, domain: Domain): Promise<Publication[]> {
  const link = await trx
    .selectFrom("links")
    .select("id")
    .where("domainId", "=", domain.id)
    .limit(1)
    .executeTakeFirst()
  if (link !== undefined) {
    throw new Problem(409, "domain_in_use", "A domain that has or had links cannot be deleted.")
  }
  const publications = await removeHosts(trx, [domain.host, ...domain.aliases])
  await trx.deleteFrom("domains").where("id", "=", domain.id).execute()
  return publications
}

async function addHosts(trx: Trx, domainId: string, hosts: string[]): Promise<Publication[]> {
  const publications: Publication[] = []
  for (const host of hosts) {
    const row = await trx
      .insertInto("domainHosts")
      .values({ host, domainId })
      .onConflict((conflict) => conflict.column("host").doNothing())
      .returning("host")
      .executeTakeFirst()
    if (row === undefined) throw hostTaken(host)
    const claim = await claimKey(trx, {
      key: domainKey(host),
      kind: "domain",
      subjectId: domainId,
      reuse: true,
    })
    if (claim.kind !== "ok") throw hostTaken(host)
    publications.push(claim.publication)
  }
  return publications
}

async function removeHosts(trx: Trx, hosts: string[]): Promise<Publication[]> {
  if (hosts.length === 0) return []
  await trx.deleteFrom("domainHosts").where("host", "in", hosts).execute()
  const publications: Publication[] = []
  for (const host of hosts) publications.push(await buryKey(trx, domainKey(host)))
  return publications
}

function hostTaken(host: string): Problem {
  return new Problem(409, "host_taken", `The host ${host} already belongs to a domain of this instance.`)
}
