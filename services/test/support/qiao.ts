import { freePort } from "../../../scripts/lib/ports.ts"
import { setUp } from "../../../scripts/lib/setup.ts"
import { createDatabase } from "./database.ts"
import { type ServiceProcess, startProcess } from "./process.ts"
import { startRedis, type TestRedis } from "./redis.ts"
import type { Scope } from "./scope.ts"

export type Answer = { status: number; headers: Headers; text: string; json: unknown }

export type Api = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<Answer>

export type Qiao = {
  /** Base urls; the edge is the first of all edges and answers for `localhost` and `127.0.0.1`. */
  edge: string
  admin: string
  apiKey: string
  databaseUrl: string
  redisUrl: string
  redis: TestRedis
  processes: {
    edges: ServiceProcess[]
    admin: ServiceProcess
    publisher: ServiceProcess
    ingest: ServiceProcess
  }
  /** Calls the admin API with the key. */
  api: Api
}

type Options = {
  edges?: number
  /** For every process. */
  env?: Record<string, string>
}

/** All of Qiao as processes, on a database and a Redis of its own. */
export async function startQiao(scope: Scope, { edges = 1, env = {} }: Options = {}): Promise<Qiao> {
  const [database, redis] = await Promise.all([createDatabase(scope), startRedis(scope)])
  const stores = { DATABASE_URL: database.url, REDIS_URL: redis.url, ...env }
  const port = String(await freePort())
  const edge = `http://localhost:${port}`
  const [management, ingest, firstEdge, ...otherEdges] = await Promise.all([
    startManagement(scope, stores, edge),
    startProcess(scope, "ingest", stores),
    startProcess(scope, "edge", { ...EDGE_ENV, ...stores, EDGE_PORT: port }),
    ...Array.from({ length: edges - 1 }, () => startProcess(scope, "edge", { ...EDGE_ENV, ...stores })),
  ])
  const { apiKey, api, admin, publisher } = management
  return {
    ...{ edge, apiKey, api, redis },
    admin: admin.url,
    databaseUrl: database.url,
    redisUrl: redis.url,
    processes: { edges: [firstEdge, ...otherEdges], admin, publisher, ingest },
  }
}

export const EDGE_ENV = { COOKIE_SECRET: "of the tests alone, 32 characters or more" }

export type Management = { apiKey: string; api: Api; admin: ServiceProcess; publisher: ServiceProcess }

/** What makes links and publishes them, for edges that answer for `origin`, `localhost` and `127.0.0.1`. */
export async function startManagement(
  scope: Scope,
  stores: Record<string, string>,
  origin: string,
): Promise<Management> {
  const apiKey = await setUp({ ...process.env, ...stores }, origin)
  if (!apiKey) throw new Error("setup gave no key for a fresh database")
  const [admin, publisher] = await Promise.all([
    startProcess(scope, "admin", stores),
    startProcess(scope, "publisher", stores),
  ])
  return { apiKey, api: apiClient(admin.url, apiKey), admin, publisher }
}

/** A body that is a string goes out as it is, anything else as JSON. */
export function apiClient(admin: string, apiKey: string): Api {
  return async (method, path, body, headers = {}) => {
    const answer = await fetch(admin + path, {
      method,
      headers: {
        authorization: `Bearer ${apiKey}`,
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    })
    const text = await answer.text()
    return { status: answer.status, headers: answer.headers, text, json: parsed(text) }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
