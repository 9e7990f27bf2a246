import { brand } from "@qiao/core/brand.ts"
import { targetUrl, text, timeZone } from "@qiao/core/fields.ts"
import type { FastifyRequest } from "fastify"
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod"
import { z } from "zod"
import type { Trx } from "../db/connect.ts"
import type { Workspace } from "../db/schema.ts"
import { notFound, Problem } from "../problem.ts"
import * as workspaces from "../repositories/workspaces.ts"
import { checkUrls } from "../safety/safe-urls.ts"
import { checkIfMatch, etag, type Written, write } from "../write.ts"
import { accepted, erasureSchema } from "./erasures.ts"
import { failures, idParams, pageOfSchema, pageQuery } from "./schemas.ts"

const httpsUrl = targetUrl.refine((url) => url.startsWith("https:"), {
  error: "must begin with https://",
  params: { code: "url_scheme" },
})

const settings = z.strictObject({
  name: text(100),
  timeZone,
  brand: brand.nullable().describe("What its visitors' pages show"),
  wechatSignatureUrl: httpsUrl
    .nullable()
    .describe("Where the page of a mini program gets its JS-SDK signature"),
})

const workspaceSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    timeZone: z.string(),
    brand: brand.nullable(),
    wechatSignatureUrl: z.string().nullable(),
    version: z.number(),
    createdAt: z.string(),
    updatedAt: z.string(),
  })
  .meta({ id: "Workspace" })

const response = { 200: workspaceSchema, ...failures }

export const workspaceRoutes: FastifyPluginAsyncZod = async (app) => {
  app.post("/workspaces", {
    config: { scope: "operator" },
    schema: {
      summary: "Create a workspace",
      body: settings.partial().required({ name: true }),
      response: { 201: workspaceSchema, ...failures },
    },
    handler: (req, reply) =>
      write(req, reply, async (trx) => {
        const { timeZone = "Asia/Shanghai", ...given } = req.body
        await workspaces.checkTimeZone(trx, timeZone)
        const workspace = await workspaces.createWorkspace(trx, { timeZone, ...given })
        await checkSignatureUrl(req, trx, workspace, null)
        return answer(201, workspace, { location: `/v1/workspaces/${workspace.id}` })
      }),
  })

  app.get("/workspaces", {
    config: { scope: "operator" },
    schema: {
      summary: "List workspaces",
      querystring: pageQuery,
      response: { 200: pageOfSchema(workspaceSchema), ...failures },
    },
    handler: async (req) => {
      const page = await workspaces.listWorkspaces(app.db, req.query)
      return { data: page.data.map(toWorkspace), nextCursor: page.nextCursor }
    },
  })

  app.get("/workspaces/:id", {
    config: { scope: "links:read" },
    schema: { summary: "Get a workspace", params: idParams, response },
    handler: async (req, reply) => {
      checkWorkspace(req, req.params.id)
      const workspace = await workspaces.findWorkspace(app.db, req.params.id)
      return reply.header("etag", etag(workspace.version)).send(toWorkspace(workspace))
    },
  })

  app.patch("/workspaces/:id", {
    config: { scope: "admin" },
    schema: {
      summary: "Change a workspace",
      description: "Its brand and signature url are seen on all its domains at once. Null takes them away.",
      params: idParams,
      body: settings.partial(),
      response,
    },
    handler: (req, reply) =>
      write(req, reply, async (trx) => {
        checkWorkspace(req, req.params.id)
        const before = await workspaces.lockWorkspace(trx, req.params.id)
        checkIfMatch(req, before.version)
        if (req.body.timeZone !== undefined) await workspaces.checkTimeZone(trx, req.body.timeZone)
        const { workspace, publications } = await workspaces.updateWorkspace(trx, before, req.body)
        await checkSignatureUrl(req, trx, workspace, before)
        return { ...answer(200, workspace), publications }
      }),
  })

  app.delete("/workspaces/:id", {
    config: { scope: "operator" },
    schema: {
      summary: "Delete a workspace",
      description:
        "Its keys end at once; links, tags, domains, rule sets, reports, visits and counts go in the background. Codes of its links answer 410 for good. Bans by the operator stay.",
      params: idParams,
      querystring: z.strictObject({
        everything: z.stringbool().default(false).describe("Also while it has domains or links"),
      }),
      response: { 202: erasureSchema, ...failures },
    },
    handler: (req, reply) =>
      write(req, reply, async (trx) => {
        const { workspaceId, keyId } = req.caller
        const workspace = await workspaces.lockWorkspace(trx, req.params.id)
        checkIfMatch(req, workspace.version)
        if (workspace.id === workspaceId) {
          throw new Problem(409, "own_workspace", "The workspace of the calling key cannot be deleted.")
        }
        const { everything } = req.query
        return accepted(await workspaces.deleteWorkspace(trx, workspace, { everything, requestedBy: keyId }))
      }),
  })
}

/** To anyone but the operator, other workspaces do not exist. */
function checkWorkspace(req: FastifyRequest, id: string): void {
  if (id !== req.caller.workspaceId && !req.caller.scopes.has("operator")) throw notFound("workspace")
}

/** One that is new must be an address that a link may lead to: visitors' pages ask it. */
async function checkSignatureUrl(
  req: FastifyRequest,
  trx: Trx,
  { wechatSignatureUrl: url }: Workspace,
  before: Workspace | null,
): Promise<void> {
  if (url === null || url === before?.wechatSignatureUrl) return
  await checkUrls(req, trx, [{ pointer: "/wechatSignatureUrl", url }])
}

function answer(status: number, workspace: Workspace, headers: Record<string, string> = {}): Written {
  return { status, body: toWorkspace(workspace), headers: { etag: etag(workspace.version), ...headers } }
}

function toWorkspace({
  createdAt,
  updatedAt,
  deletedAt: _,
  ...rest
}: Workspace): z.output<typeof workspaceSchema> {
  return { ...rest, createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() }
}
