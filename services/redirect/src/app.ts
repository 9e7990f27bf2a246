import type { Socket } from "node:net"
import rateLimit from "@fastify/rate-limit"
import { languageOf } from "@qiao/core/language.ts"
import Fastify, { type ConnectionError, type FastifyInstance, type FastifyRequest } from "fastify"
import type { Config } from "./config.ts"
import { pageLanguage } from "./pages/texts.ts"
import { sendPage } from "./respond.ts"
import { createServe, type RedirectDeps, refuseMethod } from "./routes/redirect.ts"
import { wellKnownRoutes } from "./routes/well-known.ts"
import { clientAddress, networkOf } from "./visit.ts"

export type AppDeps = Omit<RedirectDeps, "limitUnknown">

/** The public port. No logger, hook or timer touches a request: what there is to know of them, the metrics count. */
export async function buildApp(config: Config, deps: AppDeps): Promise<FastifyInstance> {
  const { results, pages, onError } = deps
  const app = Fastify({
    trustProxy: config.TRUSTED_PROXIES.length > 0 && config.TRUSTED_PROXIES,
    http: { maxHeaderSize: 16_384, headersTimeout: 10_000, connectionsCheckingInterval: 5_000 },
    requestTimeout: 15_000,
    // Longer than balancers keep idle connections (60 s), so that they close them first.
    keepAliveTimeout: 72_000,
    bodyLimit: 1_024,
    return503OnClosing: false,
    clientErrorHandler: refuseUnparsable,
    // A path that cannot be decoded is a path without a link.
    frameworkErrors: (_err, req, reply) => onUndecodable(req, reply),
  })

  app.setErrorHandler((err, req, reply) => {
    onError(err)
    results.failed++
    if (reply.raw.headersSent) return void reply.raw.destroy()
    sendPage(reply.raw, pages.fixed("failed", pageLanguage(languageOf(req.headers["accept-language"]))))
  })

  await app.register(rateLimit, { global: false })
  const unknownCodes = {
    max: config.UNKNOWN_CODES_PER_MINUTE,
    timeWindow: 60_000,
    keyGenerator: (req: FastifyRequest) => networkOf(clientAddress(req)),
    // Bounds the store; known to the plugin, not to its types.
    cache: config.LIMITED_NETWORKS_MAX,
  }
  const unknownOf = app.createRateLimit(unknownCodes)
  const serve = createServe({
    ...deps,
    async limitUnknown(req) {
      const verdict = await unknownOf(req)
      return verdict.isAllowed || !verdict.isExceeded ? 0 : Math.max(1, verdict.ttlInSeconds)
    },
  })
  const refuse = refuseMethod(results)
  const onUndecodable: typeof serve = (req, reply) =>
    req.method === "GET" || req.method === "HEAD" ? serve(req, reply) : refuse(req, reply)

  wellKnownRoutes(app, results)
  app.route({ method: ["GET", "HEAD"], url: "*", handler: serve })
  // Before the body is looked at; methods that Fastify has no route for end in the not-found handler.
  const others = app.supportedMethods.filter((method) => method !== "GET" && method !== "HEAD")
  app.route({ method: others, url: "*", onRequest: refuse, handler: refuse })
  app.setNotFoundHandler(refuse)
  return app
}

const UNPARSABLE: Record<string, string> = {
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
  ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
}

/** What is no HTTP, or comes too slowly, gets a status without a body: there is no request to answer with a page. */
function refuseUnparsable(err: ConnectionError, socket: Socket): void {
  const status = UNPARSABLE[err.code] ?? "400 Bad Request"
  if (socket.writable) socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`)
}
