import { type IncomingHttpHeaders, request } from "node:http"
import { connect } from "node:net"
import pino from "pino"
import type { Test } from "tap"
import { waitFor } from "../../../test/support/wait.ts"
import { parseConfig } from "../../src/config.ts"
import { composeEdge, type RedisUrls } from "../../src/edge.ts"
import { HOST } from "./publisher.ts"

export type Answer = { status: number; headers: IncomingHttpHeaders; rawHeaders: string[]; body: string }
export type Asked = { method?: string; headers?: Record<string, string>; body?: string }

export const COOKIE_SECRET = "a secret that only these tests know"

export type TestEdge = Awaited<ReturnType<typeof startEdge>>

/** An edge with everything on, listening on a free port, its clocks shortened so that tests need not wait. */
export async function startEdge(
  t: Test,
  redisUrl: string,
  env: NodeJS.ProcessEnv = {},
  urls?: Partial<RedisUrls>,
) {
  const config = parseConfig({
    REDIS_URL: redisUrl,
    COOKIE_SECRET,
    DRAIN_MS: "0",
    CLICK_FLUSH_MS: "20",
    UNKNOWN_CODES_PER_MINUTE: "100000",
    CLICK_STOP_MS: "500",
    ...env,
  })
  const all = { records: redisUrl, clicks: redisUrl, changes: redisUrl, ...urls }
  const edge = composeEdge(config, pino({ level: process.env.TEST_LOG ?? "silent" }), all)
  await edge.app.listen({ host: "127.0.0.1", port: 0 })
  const address = edge.app.server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  let isStopped = false
  const stop = () => {
    isStopped = true
    return edge.stop()
  }
  t.teardown(async () => {
    if (!isStopped) await stop()
  })
  return {
    ...edge,
    stop,
    port,
    get: (path: string, asked: Asked = {}) => ask(port, path, asked),
    ready: () => waitFor("the edge to be ready", edge.isReady, { timeoutMs: 5_000 }),
  }
}

/** One request on its own connection, exactly as given, nothing followed. */
export function ask(
  port: number,
  path: string,
  { method = "GET", headers = {}, body = "" }: Asked = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = {
      host: "127.0.0.1",
      port,
      path,
      method,
      headers: { host: HOST, ...headers },
      agent: false,
    }
    const req = request(options, async (res) => {
      const chunks: Buffer[] = []
      for await (const chunk of res) chunks.push(chunk)
      const { statusCode = 0, rawHeaders } = res
      resolve({
        status: statusCode,
        headers: res.headers,
        rawHeaders,
        body: Buffer.concat(chunks).toString(),
      })
    })
    req.on("error", reject)
    req.end(body)
  })
}

/** Sends these bytes and resolves to everything that came back until the edge closed, or 1 s of silence. */
export function askRaw(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
    const chunks: Buffer[] = []
    const end = () => {
      socket.destroy()
      resolve(Buffer.concat(chunks).toString("latin1"))
    }
    socket.setTimeout(1_000, end)
    socket.on("data", (chunk) => chunks.push(chunk))
    socket.on("error", end)
    socket.on("close", end)
    socket.write(Buffer.from(bytes, "latin1"))
  })
}

/** The answer without what differs by the clock or by chance. */
export function parity({ status, rawHeaders, body }: Answer) {
  const headers: string[] = []
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i] !== "Date") headers.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`)
  }
  return { status, headers, body: body.replace(/data-token="[\w-]{11}"/, "") }
}
