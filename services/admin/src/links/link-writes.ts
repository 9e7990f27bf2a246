import { LINK_DEFAULTS, type LinkCreate, type LinkSettings, type linkPut } from "@qiao/core/link.ts"
import type { FastifyRequest } from "fastify"
import type { z } from "zod"
import type { Trx } from "../db/connect.ts"
import type { Domain } from "../db/schema.ts"
import { newId } from "../ids.ts"
import { invalid, Problem } from "../problem.ts"
import { domainOfHost } from "../repositories/domains.ts"
import * as links from "../repositories/links.ts"
import type { Publication } from "../repositories/publications.ts"
import { checkedSettings } from "../settings.ts"
import { checkIfMatch, etag, type Written } from "../write.ts"
import { toLink } from "./link-answer.ts"
import { domainForLink } from "./link-domain.ts"
import { domainWarnings } from "./warnings.ts"

type Given = { newCode: () => string; passwordHash: links.PasswordChange }

export async function createLink(
  trx: Trx,
  req: FastifyRequest,
  body: LinkCreate,
  { newCode, passwordHash = null }: Given,
): Promise<Written> {
  const { workspaceId } = req.caller
  const { domain: hostName, code, reuse = false, force = false, password: _, ...given } = body
  const settings = await checkedSettings(req, trx, { ...LINK_DEFAULTS, ...given }, null)
  const domain = await domainForLink(trx, workspaceId, hostName)
  if (!force) refuseBlocked(domain)
  const id = newId("lnk")
  const insert = (code: string) =>
    links.insertLink(trx, workspaceId, { id, domain, code, reuse, settings, passwordHash })
  let claim = await insert(code ?? newCode())
  while (claim.kind !== "ok") {
    if (code !== undefined) throw links.codeTaken(code, claim.kind)
    claim = await insert(newCode())
  }
  const created = await answer(trx, workspaceId, id, 201, claim.publication)
  const shortUrlOnly = prefersText(req) && { body: `${created.body.shortUrl}\n` }
  return { ...created, ...shortUrlOnly, headers: { ...created.headers, location: `/v1/links/${id}` } }
}

export async function createOrReplaceLink(
  trx: Trx,
  req: FastifyRequest,
  body: z.output<typeof linkPut>,
  given: Given,
): Promise<Written> {
  const row = await links.lockByExternalId(trx, req.caller.workspaceId, body.externalId)
  if (row === null) {
    if (req.headers["if-match"] !== undefined) {
      throw new Problem(412, "version_mismatch", "There is no link with this externalId.")
    }
    return createLink(trx, req, body, given)
  }
  checkIfMatch(req, row.version)
  const { domain, code, reuse: _reuse, force: _force, password: _password, ...settings } = body
  const isElsewhere =
    domain !== undefined && (await domainOfHost(trx, row.workspaceId, domain))?.id !== row.domainId
  const moved = [
    ...(isElsewhere ? ["/domain"] : []),
    ...(code !== undefined && code !== row.code ? ["/code"] : []),
  ]
  if (moved.length > 0) {
    throw invalid(moved.map((pointer) => ({ pointer, code: "immutable", detail: "can never change" })))
  }
  return updateLink(trx, req, row, { ...LINK_DEFAULTS, ...settings }, given.passwordHash ?? null)
}

/** Changes a link that the caller locked. */
export async function updateLink(
  trx: Trx,
  req: FastifyRequest,
  row: links.LinkRow,
  settings: LinkSettings,
  passwordHash: links.PasswordChange,
): Promise<Written> {
  const checked = await checkedSettings(req, trx, settings, links.settingsOf(row))
  const publication = await links.updateLink(trx, row, checked, passwordHash)
  return answer(trx, row.workspaceId, row.id, 200, publication)
}

async function answer(trx: Trx, workspaceId: string, id: string, status: number, publication: Publication) {
  const row = await links.findLink(trx, workspaceId, { by: "id", id })
  return {
    status,
    body: toLink(row),
    headers: { etag: etag(row.version) },
    publications: [publication],
  }
}

/** Where visitors of an app would only see its warning; no other domain is taken instead. */
function refuseBlocked(domain: Domain): void {
  const [warning] = domainWarnings(domain.platformStatus)
  if (warning === undefined) return
  const detail = `The domain ${domain.host} ${warning.detail}; send "force": true to use it all the same.`
  throw new Problem(409, "domain_blocked", detail)
}

function prefersText(req: FastifyRequest): boolean {
  return /^text\/plain\b/i.test(req.headers.accept ?? "")
}
