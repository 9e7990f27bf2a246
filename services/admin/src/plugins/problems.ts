import type { Socket } from "node:net"
import type { ConnectionError, FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify"
import fp from "fastify-plugin"
import { isCollision, isDatabaseUnavailable, violationOf } from "../db/constraints.ts"
import { Problem, TITLES } from "../problem.ts"

/** Fastify's own errors in the API's words. */
const FRAMEWORK: Record<string, [status: number, code: string, detail: string]> = {
  FST_ERR_CTP_INVALID_JSON_BODY: [400, "invalid_json", "The body is not valid JSON."],
  FST_ERR_CTP_EMPTY_JSON_BODY: [400, "invalid_json", "The body is empty; JSON was expected."],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [
    400,
    "bad_request",
    "The body does not have the length that was announced.",
  ],
  FST_ERR_BAD_URL: [400, "bad_request", "The path is not a valid URL."],
  FST_ERR_MAX_PARAM_LENGTH: [414, "path_too_long", "A part of the path is too long."],
  FST_ERR_CTP_BODY_TOO_LARGE: [413, "body_too_large", "The body is too large."],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [415, "unsupported_media_type", "The body must be application/json."],
}

/** The one place where an error becomes an answer. Nothing internal leaves: a 5xx says only that it happened, and under which request id. */
export const problems = fp(async (app: FastifyInstance) => {
  app.setErrorHandler((err: FastifyError | Problem, req, reply) => {
    const problem = toProblem(err)
    if (problem.status >= 500) req.log.error({ err }, "request failed")
    return sendProblem(req, reply, problem)
  })
})

export function toProblem(err: FastifyError | Problem): Problem {
  if (err instanceof Problem) return err
  const violation = violationOf(err)
  if (violation !== null) return violation
  const known = FRAMEWORK[err.code]
  if (known !== undefined) return new Problem(...known)
  if (err.statusCode !== undefined && err.statusCode < 500) return ofClient(err, err.statusCode)
  if (isDatabaseUnavailable(err)) {
    const detail = "The database cannot be reached."
    return new Problem(503, "database_unavailable", detail, { headers: { "retry-after": "5" } })
  }
  if (isCollision(err)) {
    const detail = "Others were changing the same things at the same time."
    return new Problem(503, "busy", detail, { headers: { "retry-after": "1" } })
  }
  return new Problem(500, "internal_error", "Something went wrong on our side.")
}

function ofClient(err: FastifyError, status: number): Problem {
  if (err instanceof SyntaxError) return new Problem(400, "invalid_json", "The body is not valid JSON.")
  return new Problem(status, "bad_request", err.message)
}

export function sendProblem(req: FastifyRequest, reply: FastifyReply, problem: Problem): FastifyReply {
  return reply
    .code(problem.status)
    .headers({ "x-request-id": req.id, ...problem.headers })
    .header("content-type", MEDIA_TYPE)
    .send(bodyOf(problem, req.id))
}

const UNPARSABLE: Record<string, Problem> = {
  HPE_HEADER_OVERFLOW: new Problem(431, "headers_too_large", "The headers are too large."),
  ERR_HTTP_REQUEST_TIMEOUT: new Problem(408, "request_timeout", "The request came too slowly."),
}
const NO_HTTP = new Problem(400, "bad_request", "This is not a valid HTTP request.")

/** Answers what is no HTTP, or comes too slowly, for which there is no request to reply to. */
export function refuseUnparsable(err: ConnectionError, socket: Socket): void {
  if (!socket.writable) return
  const problem = UNPARSABLE[err.code] ?? NO_HTTP
  const body = bodyOf(problem, "")
  socket.end(
    `HTTP/1.1 ${problem.status} ${TITLES[problem.status]}\r\nContent-Type: ${MEDIA_TYPE}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}

const MEDIA_TYPE = "application/problem+json; charset=utf-8"

function bodyOf({ status, code, message, errors }: Problem, requestId: string): string {
  return JSON.stringify({
    type: "about:blank",
    title: TITLES[status] ?? "Error",
    status,
    detail: message,
    code,
    requestId,
    ...(errors.length > 0 && { errors }),
  })
}
