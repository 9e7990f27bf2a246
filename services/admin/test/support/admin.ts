import type { Link } from "@qiao/core/link.ts"
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from "fastify"
import type { Test } from "tap"
import { createDatabase } from "../../../test/support/database.ts"
import { startRedis, type TestRedis } from "../../../test/support/redis.ts"
import { buildApp } from "../../src/app.ts"
import { parseConfig } from "../../src/config.ts"
import type { Db } from "../../src/db/connect.ts"
import { newId } from "../../src/ids.ts"
import { createLog } from "../../src/log.ts"
import { createDomain } from "../../src/repositories/domains.ts"
import { createKey, type Scope } from "../../src/repositories/keys.ts"
import { createWorkspace } from "../../src/repositories/workspaces.ts"
import { setUp } from "../../src/setup.ts"

export const HOST = "s.example.com"
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] as const
export type Method = (typeof METHODS)[number]

type Headers = Record<string, string>

export type Answer<T> = {
  status: number
  headers: LightMyRequestResponse["headers"]
  text: string
  /** Whatever JSON came, read as what the caller expects. */
  body: T
}

export type ProblemBody = {
  type: string
  title: string
  status: number
  detail: string
  code: string
  requestId: string
  errors?: { in?: string; pointer: string; code: string; detail: string }[]
}

export type PageBody<T> = { data: T[]; nextCursor: string | null }

/** Calls the API as the holder of one key. A body that is text goes out as it is, anything else as JSON. */
export type Call = <T = ProblemBody>(
  method: Method,
  path: string,
  body?: unknown,
  headers?: Headers,
) => Promise<Answer<T>>

export type Workspace = { workspaceId: string; key: string; host: string; call: Call }

export type Admin = Workspace & {
  app: FastifyInstance
  db: Db
  databaseUrl: string
  redis: TestRedis
  /** The same API with another key, or with none. */
  as(key: string | null): Call
  newKey(scopes: Scope[], more?: { workspaceId?: string; expiresAt?: Date }): Promise<string>
  /** A second tenant with a domain of its own and a key that may do everything but operate. */
  newWorkspace(host: string): Promise<Workspace>
  newLink(settings?: object): Promise<Link>
}

export type Overrides = { env?: Record<string, string>; databaseUrl?: string; redis?: TestRedis }

const QUIET = {
  LOG_LEVEL: "silent",
  PUBLISH_WAIT_MS: "0",
  RATE_LIMIT_PER_MINUTE: "1000000",
  RATE_LIMIT_ANONYMOUS_PER_MINUTE: "1000000",
}

/** The admin API on a database and a Redis of its own, set up as `scripts/up` does it. */
export async function startAdmin(t: Test, overrides: Overrides = {}): Promise<Admin> {
  const [database, redis] = await Promise.all([
    overrides.databaseUrl === undefined ? createDatabase(t) : { url: overrides.databaseUrl },
    overrides.redis ?? startRedis(t, { appendOnly: false }),
  ])
  const env = { ...QUIET, DATABASE_URL: database.url, REDIS_URL: redis.url, ...overrides.env }
  const app = await startApp(t, env)
  const { db } = app
  const host = { host: HOST, aliases: [], origin: `https://${HOST}` }
  const { workspaceId, apiKey } = await setUp(db, { ...host, isNewKeyWanted: true })
  if (apiKey === null) throw new Error("setup made no key")

  const as = (key: string | null) => caller(app, key)
  const call = as(apiKey)
  const newKey: Admin["newKey"] = async (scopes, { workspaceId: owner = workspaceId, expiresAt } = {}) => {
    const values = { workspaceId: owner, name: "test", scopes, expiresAt: expiresAt ?? null }
    return (await createKey(db, values)).secret
  }
  return {
    ...{ app, db, databaseUrl: database.url, redis, workspaceId, host: HOST, key: apiKey, call, as, newKey },
    async newWorkspace(host) {
      const workspace = await createWorkspace(db, { name: host, timeZone: "Asia/Shanghai" })
      await db
        .transaction()
        .execute((trx) => createDomain(trx, newId("dom"), plainDomain(workspace.id, host)))
      const key = await newKey(["admin"], { workspaceId: workspace.id })
      return { workspaceId: workspace.id, key, host, call: as(key) }
    },
    async newLink(settings = {}) {
      const answer = await call<Link>("POST", "/v1/links", { url: "https://shop.example.com/", ...settings })
      if (answer.status !== 201) throw new Error(`no link was made: ${answer.text}`)
      return answer.body
    },
  }
}

/** Another server of the same instance. */
export async function startApp(t: Test, env: Record<string, string>): Promise<FastifyInstance> {
  const config = parseConfig({ ...QUIET, ...env })
  const app = await buildApp(config, createLog("admin", process.env.TEST_LOG_LEVEL ?? config.LOG_LEVEL))
  t.teardown(() => app.close())
  await app.ready()
  return app
}

export function caller(app: FastifyInstance, key: string | null): Call {
  return async (method, path, body, headers = {}) => {
    const options: InjectOptions = { method, url: path }
    options.headers = { ...(key !== null && { authorization: `Bearer ${key}` }), ...headers }
    if (body !== undefined) {
      const isRaw = typeof body === "string" || Buffer.isBuffer(body)
      options.payload = isRaw ? body : JSON.stringify(body)
      options.headers = { "content-type": "application/json", ...options.headers }
    }
    const reply = await app.inject(options)
    return { status: reply.statusCode, headers: reply.headers, text: reply.payload, body: jsonOf(reply) }
  }
}

function jsonOf<T>(reply: LightMyRequestResponse): T {
  const isJson = /[/+]json/.test(String(reply.headers["content-type"]))
  return (isJson && reply.payload !== "" ? JSON.parse(reply.payload) : null) as T
}

function plainDomain(workspaceId: string, host: string) {
  const urls = { rootUrl: null, notFoundUrl: null }
  return { workspaceId, host, aliases: [], origin: `https://${host}`, caseSensitive: true, ...urls }
}

/** Asserts that an answer is a documented problem; returns what it says. */
export function expectProblem(
  t: Test,
  answer: Answer<ProblemBody>,
  status: number,
  code: string,
): ProblemBody {
  const { body } = answer
  t.equal(answer.status, status, `status of ${answer.text.slice(0, 300)}`)
  t.match(answer.headers["content-type"], /^application\/problem\+json/)
  t.match(body, { status, code, detail: /./, title: /./, type: "about:blank" }, `is the problem ${code}`)
  t.equal(body.requestId, answer.headers["x-request-id"], "names the request")
  t.match(body.requestId, /^req_/)
  return body
}

/** The pointers and codes of a problem, in order of pointers. */
export function faults(problem: ProblemBody): string[] {
  return (problem.errors ?? []).map(({ pointer, code }) => `${pointer} ${code}`).sort()
}

/** Every item of a list, page by page. */
export async function readAll<T>(call: Call, path: string): Promise<T[]> {
  const items: T[] = []
  let cursor: string | null = null
  do {
    const from: string = cursor === null ? "" : `${path.includes("?") ? "&" : "?"}cursor=${cursor}`
    const { status, text, body } = await call<PageBody<T>>("GET", path + from)
    if (status !== 200) throw new Error(`a page could not be read: ${text}`)
    items.push(...body.data)
    cursor = body.nextCursor
  } while (cursor !== null)
  return items
}
