import type { ServerOptions } from "node:http"
import type { Socket } from "node:net"
import Fastify, { type ConnectionError, type FastifyInstance } from "fastify"
import { isRead } from "./client.ts"
import type { Config } from "./config.ts"
import { createIncoming } from "./incoming.ts"
import { createServe, type RedirectDeps } from "./routes/redirect.ts"

// See core's ops.ts: an import would take 50 ms of a start.
const { createServer } = process.getBuiltinModule("node:http")

/**
 * The public port. Reads are answered before Fastify looks at them, which would take a fifth of their time; it has the rest: other
 * methods, what cannot be parsed, the life of the server. No logger, hook or timer touches a request: what there is to know of them,
 * the metrics count.
 */
export function buildApp(config: Config, deps: RedirectDeps): FastifyInstance {
  const incoming = createIncoming(config.TRUSTED_PROXIES)
  const serve = createServe(deps)
  const app = Fastify({
    serverFactory(others) {
      const server = createServer(serverOptions(config), (raw, res) => {
        const req = incoming(raw)
        if (isRead(req)) serve(req, res)
        else others(raw, res)
      })
      // Full workers would else hand a connection to each other without end.
      Object.assign(server, { maxConnections: config.CONNECTIONS_MAX, dropMaxConnection: true })
      return server.setTimeout(config.CLIENT_IDLE_MS)
    },
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
    return503OnClosing: false,
    clientErrorHandler: refuseUnparsable,
    // A path that cannot be decoded is a path without a link.
    frameworkErrors: (_err, { raw }, reply) => serve(incoming(raw), reply.raw),
  })
  // Before a body is looked at: only a page that has a form reads one.
  app.addHook("onRequest", async ({ raw }, reply) => {
    reply.hijack()
    serve(incoming(raw), reply.raw)
  })
  return app
}

/** Instead of Fastify's own compilers, which take 100 ms of a start to load. */
const noSchemas = () => {
  throw new Error("no route of the edge has a schema")
}

function serverOptions({ CLIENT_REQUEST_MS }: Config): ServerOptions {
  return {
    // No stream is set up for a body that no header speaks of: a sixth of what Node takes for a request.
    optimizeEmptyRequests: true,
    maxHeaderSize: 16_384,
    headersTimeout: CLIENT_REQUEST_MS,
    requestTimeout: CLIENT_REQUEST_MS,
    connectionsCheckingInterval: Math.ceil(CLIENT_REQUEST_MS / 4),
    // Else Node begins two timers a request; that of the connection is only put off.
    keepAliveTimeout: 0,
  }
}

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
