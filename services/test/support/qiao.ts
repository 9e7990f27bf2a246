import type { Test } from "tap"
import { freePort } from "../../../scripts/lib/ports.ts"
import { setUp } from "../../../scripts/lib/setup.ts"
import { createDatabase } from "./database.ts"
import { type ServiceProcess, startProcess } from "./process.ts"
import { startRedis, type TestRedis } from "./redis.ts"

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
  /** Leads the processes elsewhere, such as through a proxy. */
  redisUrl?: (own: TestRedis) => Promise<string>
}

/** All of Qiao as processes, on a database and a Redis of its own. */
export async function startQiao(t: Test, { edges = 1, env = {}, redisUrl }: Options = {}): Promise<Qiao> {
  const [database, redis] = await Promise.all([createDatabase(t), startRedis(t)])
  const stores = {
    DATABASE_URL: database.url,
    REDIS_URL: (await redisUrl?.(redis)) ?? redis.url,
    COOKIE_SECRET: "of the tests alone, 32 characters or more",
    ...env,
  }
  const port = String(await freePort())
  const edge = `http://localhost:${port}`
  const apiKey = await setUp({ ...process.env, ...stores }, edge)
  if (!apiKey) throw new Error("setup gave no key for a fresh database")

  const [admin, publisher, ingest, firstEdge, ...otherEdges] = await Promise.all([
    startProcess(t, "admin", stores),
    startProcess(t, "publisher", stores),
    startProcess(t, "ingest", stores),
    startProcess(t, "edge", { ...stores, EDGE_PORT: port }),
    ...Array.from({ length: edges - 1 }, () => startProcess(t, "edge", stores)),
  ])
  return {
    edge,
    admin: admin.url,
    apiKey,
    databaseUrl: database.url,
    redisUrl: stores.REDIS_URL,
    redis,
    processes: { edges: [firstEdge, ...otherEdges], admin, publisher, ingest },
    api: apiClient(admin.url, apiKey),
  }
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
