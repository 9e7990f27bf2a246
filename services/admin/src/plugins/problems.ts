import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify"
import fp from "fastify-plugin"
import { isDatabaseUnavailable, violationOf } from "../db/constraints.ts"
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
  app.setNotFoundHandler((req, reply) =>
    sendProblem(req, reply, new Problem(404, "no_such_route", `There is no ${req.method} on this path.`)),
  )
})

export function toProblem(err: FastifyError | Problem): Problem {
  if (err instanceof Problem) return err
  const violation = violationOf(err)
  if (violation !== null) return violation
  if (isDatabaseUnavailable(err)) {
    const detail = "The database cannot be reached."
    return new Problem(503, "database_unavailable", detail, { headers: { "retry-after": "5" } })
  }
  const known = FRAMEWORK[err.code]
  if (known !== undefined) return new Problem(...known)
  if (err instanceof SyntaxError && err.statusCode === 400) {
    return new Problem(400, "invalid_json", "The body is not valid JSON.")
  }
  const status = err.statusCode ?? 500
  if (status >= 400 && status < 500) return new Problem(status, "bad_request", err.message)
  return new Problem(500, "internal_error", "Something went wrong on our side.")
}

export function sendProblem(req: FastifyRequest, reply: FastifyReply, problem: Problem): FastifyReply {
  const { status, code, message, errors, headers } = problem
  const body = {
    type: "about:blank",
    title: TITLES[status] ?? "Error",
    status,
    detail: message,
    code,
    requestId: req.id,
    ...(errors.length > 0 && { errors }),
  }
  return reply
    .code(status)
    .headers({ "x-request-id": req.id, ...headers })
    .header("content-type", "application/problem+json; charset=utf-8")
    .send(JSON.stringify(body))
}
