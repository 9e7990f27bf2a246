import t from "tap"
import { startAdmin } from "./support/admin.ts"

type Json = string | number | boolean | null | Json[] | { [name: string]: Json }
type JsonObject = { [name: string]: Json }
type Operation = {
  summary?: string
  parameters?: { name: string; in: string }[]
  requestBody?: { content: Record<string, { schema: JsonObject }> }
  responses: Record<string, { description: string; content?: Record<string, { schema: JsonObject }> }>
}
type Document = {
  openapi: string
  info: { title: string; version: string }
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, JsonObject>; securitySchemes: JsonObject }
  security: JsonObject[]
}

const admin = await startAdmin(t)
const { body: document, ...answer } = await admin.as(null)<Document>("GET", "/v1/openapi.json")

const WITHOUT_BODY = "post /v1/dead-letters/{id}/requeue"
const ROUTES = [
  ...["get /v1/links", "post /v1/links", "put /v1/links"],
  ...["get /v1/links/{id}", "patch /v1/links/{id}", "delete /v1/links/{id}"],
  ...["get /v1/rule-sets", "post /v1/rule-sets"],
  ...["get /v1/rule-sets/{id}", "patch /v1/rule-sets/{id}", "delete /v1/rule-sets/{id}"],
  ...["get /v1/tags", "post /v1/tags", "get /v1/tags/{id}", "patch /v1/tags/{id}", "delete /v1/tags/{id}"],
  ...[
    "get /v1/domains",
    "post /v1/domains",
    "get /v1/domains/{id}",
    "patch /v1/domains/{id}",
    "delete /v1/domains/{id}",
  ],
  ...["get /v1/keys", "post /v1/keys", "get /v1/keys/{id}", "patch /v1/keys/{id}", "delete /v1/keys/{id}"],
  ...["get /v1/workspaces", "post /v1/workspaces", "get /v1/workspaces/{id}", "patch /v1/workspaces/{id}"],
  ...["delete /v1/workspaces/{id}", "delete /v1/links/{id}/clicks", "get /v1/erasures/{id}"],
  ...["get /v1/bans", "post /v1/bans", "get /v1/bans/{id}", "delete /v1/bans/{id}", "get /v1/reports"],
  ...["get /v1/stats/visits", "get /v1/stats/top", "get /v1/stats/uniques"],
  ...["get /v1/stats/guide-rate", "get /v1/stats/orphans"],
  ...["get /v1/stats/raw", "get /v1/stats/raw/export", "get /v1/stats/live", "get /v1/stats/accounting"],
  ...["get /v1/dead-letters", "get /v1/dead-letters/{id}", "delete /v1/dead-letters/{id}"],
  WITHOUT_BODY,
  "post /v1/links/{id}/explain",
  "post /v1/rules/explain",
]
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, path, operation })),
)

t.test("the document is OpenAPI 3.1 and public", async (t) => {
  t.equal(answer.status, 200)
  t.match(document.openapi, /^3\.1\.\d+$/)
  t.match(document.info, { title: /./, version: /./ })
  t.match(document.components.securitySchemes, { key: { type: "http", scheme: "bearer" } })
  t.same(document.security, [{ key: [] }])
})

t.test("every route is in it, and nothing else", async (t) => {
  const described = operations.map(({ name }) => name).filter((name) => !name.startsWith("head "))
  t.same(described.sort(), [...ROUTES].sort())
})

t.test("every operation says what it does, takes and answers", async (t) => {
  for (const { name, path, operation } of operations) {
    t.ok(operation.summary, `${name} has a summary`)
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1])
    const declared = (operation.parameters ?? []).filter((parameter) => parameter.in === "path")
    t.same(
      declared.map((parameter) => parameter.name),
      inPath,
      name,
    )
    const hasBody = /^(post|put|patch) /.test(name) && name !== WITHOUT_BODY
    t.equal(operation.requestBody !== undefined, hasBody, `${name}: body`)
    const statuses = Object.keys(operation.responses)
    t.ok(
      statuses.some((status) => /^2\d\d$/.test(status)),
      `${name} succeeds somehow`,
    )
    for (const status of ["4XX", "5XX"]) {
      const content = operation.responses[status]?.content ?? {}
      t.same(Object.keys(content), ["application/problem+json"], `${name} ${status}`)
    }
    for (const [status, response] of Object.entries(operation.responses))
      t.ok(response.description, `${name} ${status}`)
  }
})

t.test("every reference leads somewhere", async (t) => {
  const references = [...answer.text.matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1] ?? "")
  t.ok(references.length > 0)
  for (const reference of new Set(references)) {
    t.match(reference, /^#\/components\/schemas\/\w+$/)
    t.ok(document.components.schemas[reference.split("/").at(-1) ?? ""], reference)
  }
})

t.test("the body of a link names every setting, requires the url, and refuses the unknown", async (t) => {
  const schema = document.paths["/v1/links"]?.post?.requestBody?.content["application/json"]?.schema
  t.match(schema, { type: "object", required: ["url"], additionalProperties: false })
  const properties = Object.keys((schema?.properties ?? {}) as JsonObject)
  const ofCreation = ["url", "code", "domain", "reuse", "force", "password"]
  for (const name of [
    ...ofCreation,
    "tags",
    "guidePlatforms",
    "expiresAt",
    "maxClicks",
    "capWhenUnavailable",
    "rules",
    "ruleSetId",
  ]) {
    t.ok(properties.includes(name), name)
  }
})

t.test("the page at /docs is HTML that loads nothing from elsewhere", async (t) => {
  const page = await admin.as(null)("GET", "/docs/")
  t.equal(page.status, 200)
  t.match(page.headers["content-type"], /^text\/html/)
  const redirected = await admin.as(null)("GET", "/docs")
  t.ok([200, 302].includes(redirected.status))
  const resources = [...page.text.matchAll(/(?:src|href)="([^"]*)"/g)].map((match) => match[1] ?? "")
  t.ok(resources.length > 0)
  for (const resource of resources) {
    t.notMatch(resource, /^(https?:)?\/\//, resource)
    const path = new URL(resource, "http://x/docs/").pathname
    t.equal((await admin.as(null)("GET", path)).status, 200, path)
  }
  t.notMatch(String(page.headers["content-security-policy"]), /https?:\/\//)
})
