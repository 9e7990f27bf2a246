import type { Socket } from "node:net"
import Fastify, { type ConnectionError, type FastifyInstance } from "fastify"
import type { Config } from "./config.ts"
import { faviconRoute } from "./routes/favicon.ts"
import { createServe, type RedirectDeps } from "./routes/redirect.ts"

/** The public port. No logger, hook or timer touches a request: what there is to know of them, the metrics count. */
export function buildApp(config: Config, deps: RedirectDeps): FastifyInstance {
  const { answers, results } = deps
  const serve = createServe(deps)
  const app = Fastify({
    trustProxy: config.TRUSTED_PROXIES.length > 0 && config.TRUSTED_PROXIES,
    http: { maxHeaderSize: 16_384, headersTimeout: 10_000, connectionsCheckingInterval: 5_000 },
    requestTimeout: 15_000,
    // Longer than balancers keep idle connections (60 s), so that they close them first.
    keepAliveTimeout: 72_000,
    return503OnClosing: false,
    clientErrorHandler: refuseUnparsable,
    // A path that cannot be decoded is a path without a link.
    frameworkErrors: (_err, req, reply) => serve(req, reply),
  })

  app.setErrorHandler((err, req, { raw }) => answers.fail({ req, res: raw, domain: null }, err))
  faviconRoute(app, results)
  app.route({ method: READS, url: "*", handler: serve })
  // Answered before a body is looked at, as only a page that has a form reads one; what comes after is never reached.
  const others = app.supportedMethods.filter((method) => !READS.includes(method))
  app.route({ method: others, url: "*", onRequest: serve, handler: () => {} })
  // Methods that Fastify has no route for.
  app.setNotFoundHandler(serve)
  return app
}

const READS = ["GET", "HEAD"]

const UNPARSABLE: Record<string, string> = {
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
  ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
}

/**
 * What is no HTTP, or comes too slowly, gets a status without a body: there is no request to answer with a page. Node's sockets stay
 * open for a client that does not close its side, hence `destroySoon`.
 */
function refuseUnparsable(err: ConnectionError, socket: Socket): void {
  const status = UNPARSABLE[err.code] ?? "400 Bad Request"
  if (socket.writable) socket.write(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`)
  socket.destroySoon()
}
