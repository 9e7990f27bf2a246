import { createHash } from "node:crypto"
import type { FastifyReply, FastifyRequest } from "fastify"
import type { Db, Trx } from "./db/connect.ts"
import { isCollision } from "./db/constraints.ts"
import { SALT_SIZE_BYTES } from "./passwords.ts"
import { invalidField, Problem } from "./problem.ts"
import {
  type Answer,
  type Attempt,
  beginAttempt,
  finishAttempt,
  firstAnswer,
} from "./repositories/idempotency.ts"
import type { Publication } from "./repositories/publications.ts"

const TRIES_MAX = 3

/** What a write did: its answer, and what has to reach Redis before the answer is of use. */
export type Written = {
  status: number
  body: unknown
  headers?: Record<string, string>
  publications?: Publication[]
}

/**
 * Runs a write in one transaction, together with its `Idempotency-Key`: the same key and request give the first answer again, and a
 * write that throws leaves nothing behind, its key included. Sends the answer once the change is published, or `PUBLISH_WAIT_MS` later
 * with `Qiao-Publication: pending`: it will be, but a visitor may be quicker.
 */
export async function write(
  req: FastifyRequest,
  reply: FastifyReply,
  run: (trx: Trx) => Promise<Written>,
): Promise<never> {
  const attempt = await attemptOf(req)
  let published = Promise.resolve(true)
  const answer = await inTransaction(req.server.db, async (trx) => {
    if (attempt !== null && !(await beginAttempt(trx, attempt))) return repeat(trx, attempt)
    const written = await run(trx)
    const answer = toAnswer(written)
    if (attempt !== null) await finishAttempt(trx, attempt, answer)
    // Listens from before the commit, so that no publisher can be quicker.
    published = req.server.published(written.publications ?? [])
    return answer
  })
  if (!(await published)) reply.header("qiao-publication", "pending")
  // Sent as kept, past the response schema: to the route's types there is no payload.
  return reply.code(answer.status).headers(answer.headers).send(answer.body) as never
}

async function inTransaction<T>(db: Db, run: (trx: Trx) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await db.transaction().execute(run)
    } catch (err) {
      if (tries === TRIES_MAX || !isCollision(err)) throw err
    }
  }
}

/** For writes whose answer must not be kept, as it holds a secret. */
export function refuseIdempotencyKey(req: FastifyRequest): void {
  if (req.headers["idempotency-key"] === undefined) return
  throw invalidField(
    "/idempotency-key",
    "not_supported",
    "is not taken where the answer holds a secret",
    "header",
  )
}

/** Throws 412 unless the request has no `If-Match` or one that names this version (strongly, RFC 9110 section 13.1.1). */
export function checkIfMatch(req: FastifyRequest, version: number): void {
  const header = req.headers["if-match"]
  if (header === undefined || header.trim() === "*") return
  const tags = header.split(",").map((tag) => tag.trim())
  if (!tags.includes(etag(version))) {
    throw new Problem(412, "version_mismatch", `The current version is ${version}.`)
  }
}

export const etag = (version: number): string => `"${version}"`

async function repeat(trx: Trx, attempt: Attempt): Promise<Answer> {
  const answer = await firstAnswer(trx, attempt)
  if (answer !== null) return { ...answer, headers: { ...answer.headers, "idempotency-replayed": "true" } }
  throw new Problem(422, "idempotency_key_reused", "This Idempotency-Key was used for another request.")
}

async function attemptOf(req: FastifyRequest): Promise<Attempt | null> {
  const key = req.headers["idempotency-key"]
  if (key === undefined) return null
  if (typeof key !== "string" || !/^[\x21-\x7e]{1,255}$/.test(key)) {
    const detail = "must be 1 to 255 visible ASCII characters"
    throw invalidField("/idempotency-key", "invalid_format", detail, "header")
  }
  const { workspaceId } = req.caller
  const route = `${req.method} ${req.routeOptions.url}`
  const salt = sha256(JSON.stringify([workspaceId, route, key])).subarray(0, SALT_SIZE_BYTES)
  const request = JSON.stringify([req.params, await withoutPassword(req, salt)])
  return { workspaceId, route, key, requestHash: sha256(request) }
}

/** The body with a hash for its password: the request's own hash is kept for a day, and quick to try passwords against. */
async function withoutPassword({ body, server }: FastifyRequest, salt: Buffer): Promise<unknown> {
  if (typeof body !== "object" || body === null || !("password" in body)) return body
  if (typeof body.password !== "string") return body
  return { ...body, password: await server.hashPassword(body.password, salt) }
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest()
}

function toAnswer({ status, body, headers = {} }: Written): Answer {
  if (body === null) return { status, headers, body: "" }
  if (typeof body === "string") {
    return { status, headers: { "content-type": "text/plain; charset=utf-8", ...headers }, body }
  }
  return {
    status,
    headers: { "content-type": "application/json; charset=utf-8", ...headers },
    body: JSON.stringify(body),
  }
}
