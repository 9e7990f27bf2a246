import { isIP } from "node:net"
import { host, text } from "@qiao/core/fields.ts"
import type { FastifyReply, FastifyRequest } from "fastify"
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod"
import { z } from "zod"
import type { Trx } from "../db/connect.ts"
import type { Ban } from "../db/schema.ts"
import { Problem } from "../problem.ts"
import * as bans from "../repositories/bans.ts"
import { reachOf } from "../repositories/keys.ts"
import { workspaceOfLink } from "../repositories/link-owner.ts"
import { lockLink } from "../repositories/links.ts"
import { type Written, write } from "../write.ts"
import { linkRef } from "./link-ref.ts"
import { failures, idParams, noContent, pageOfSchema, pageQuery } from "./schemas.ts"

const NAME_BELOW_TOP = /^[^.*]+(\.[^.*]+)+$/

/** A whole top-level domain is not banned by a slip, nor a pattern, which would match nothing. */
const targetHost = host.refine(
  (value) => isIP(value.replace(/[[\]]/g, "")) !== 0 || NAME_BELOW_TOP.test(value),
  {
    error: "must be a name below a top-level domain, without *: subdomains are banned with it",
    params: { code: "bad_host" },
  },
)

const KINDS = ["link", "host", "domain", "workspace"] as const
const kind = z.enum(KINDS)
const reason = text(500)

const banCreate = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("link"), value: text(1_600), reason }),
  z.strictObject({ kind: z.literal("host"), value: targetHost, reason }),
  z.strictObject({ kind: z.literal("domain"), value: host, reason }),
  z.strictObject({ kind: z.literal("workspace"), value: text(100), reason }),
])
type BanCreate = z.output<typeof banCreate>

const banQuery = pageQuery.extend({
  kind: kind.optional(),
  value: text(1_600).optional().describe("As the ban has it: a link's id, a host, a workspace's id"),
  active: z
    .enum(["true", "false"])
    .transform((active) => active === "true")
    .optional()
    .describe("In force, or lifted"),
})

const banSchema = z
  .object({
    id: z.string(),
    kind,
    value: z.string(),
    workspaceId: z.string().nullable().describe("Whose it is; null for a host"),
    reason: z.string(),
    byOperator: z.boolean().describe("Then only the operator lifts it"),
    createdBy: z.string().describe("A key"),
    createdAt: z.string(),
    liftedBy: z.string().nullable().describe("A key"),
    liftedAt: z.string().nullable().describe("Null while it is in force"),
  })
  .meta({ id: "Ban" })

export const banRoutes: FastifyPluginAsyncZod<{ bansMax: number }> = async (app, { bansMax }) => {
  app.post("/bans", {
    config: { scope: "admin" },
    schema: {
      summary: "Ban a link, target host, domain or workspace",
      description:
        "Every edge answers 451 from then on. `value` is any reference to a link, a target host (its subdomains are banned, too), the main host of a domain, or a workspace's id. All but links are for the operator, whose ban of a link takes the place of the workspace's own.",
      body: banCreate,
      response: { 201: banSchema, ...failures },
    },
    handler: (req, reply) =>
      writeBan(req, reply, "banned", async (trx) => {
        const { ban, publications } = await impose(trx, req, req.body)
        const headers = { location: `/v1/bans/${ban.id}` }
        return { ban, status: 201, body: toBan(ban), headers, publications }
      }),
  })

  app.get("/bans", {
    config: { scope: "links:read" },
    schema: {
      summary: "List bans, newest first",
      description:
        "Lifted ones stay: who banned what, when, why, and who lifted it. A workspace sees those of itself, its domains and links.",
      querystring: banQuery,
      response: { 200: pageOfSchema(banSchema), ...failures },
    },
    handler: async (req) => {
      const page = await bans.listBans(app.db, reachOf(req.caller), req.query, req.query)
      return { data: page.data.map(toBan), nextCursor: page.nextCursor }
    },
  })

  app.get("/bans/:id", {
    config: { scope: "links:read" },
    schema: { summary: "Get a ban", params: idParams, response: { 200: banSchema, ...failures } },
    handler: async (req) => toBan(await bans.findBan(app.db, reachOf(req.caller), req.params.id)),
  })

  app.delete("/bans/:id", {
    config: { scope: "admin" },
    schema: {
      summary: "Lift a ban",
      description: "The ban stays in the list as lifted. What the operator banned, only the operator lifts.",
      params: idParams,
      response: { ...noContent, ...failures },
    },
    handler: (req, reply) =>
      writeBan(req, reply, "lifted a ban", async (trx) => {
        const ban = await bans.findBan(trx, reachOf(req.caller), req.params.id)
        if (ban.byOperator) checkOperator(req, "Lifting a ban of the operator")
        const publications = await bans.liftBan(trx, ban, req.caller.keyId)
        return { ban, status: 204, body: null, publications }
      }),
  })

  async function impose(
    trx: Trx,
    req: FastifyRequest,
    { kind, value, reason }: BanCreate,
  ): Promise<bans.Banned> {
    const terms = { reason, byOperator: req.caller.scopes.has("operator"), createdBy: req.caller.keyId }
    if (kind === "link") {
      const ref = linkRef(value)
      return bans.banLink(trx, await lockLink(trx, await workspaceOfLink(trx, req.caller, ref), ref), terms)
    }
    checkOperator(req, `Banning a ${kind}`)
    return bans.banListed(trx, { kind, value }, terms, bansMax)
  }
}

function checkOperator({ caller }: FastifyRequest, what: string): void {
  if (caller.scopes.has("operator")) return
  throw new Problem(403, "missing_scope", `${what} needs a key with the scope operator.`)
}

/** Once it is certain, the log tells of it as well; the request's logger names the key. */
async function writeBan(
  req: FastifyRequest,
  reply: FastifyReply,
  what: string,
  run: (trx: Trx) => Promise<Written & { ban: Ban }>,
): Promise<void> {
  const done: { ban?: Ban } = {}
  await write(req, reply, async (trx) => {
    const { ban, ...written } = await run(trx)
    done.ban = ban
    return written
  })
  if (done.ban === undefined) return
  const { id, kind, value, reason } = done.ban
  req.log.info({ ban: id, kind, value, reason }, what)
}

function toBan({ createdAt, liftedAt, ...ban }: Ban): z.output<typeof banSchema> {
  return { ...ban, createdAt: createdAt.toISOString(), liftedAt: liftedAt?.toISOString() ?? null }
}
