import { sql } from "kysely"
import type { Db, Trx } from "../db/connect.ts"

/** An answer as it goes over the wire. */
export type Answer = { status: number; headers: Record<string, string>; body: string }

/** One use of an `Idempotency-Key`. */
export type Attempt = { workspaceId: string; route: string; key: string; requestHash: Buffer }

const KEPT_HOURS = 24

/** True for the first attempt. Whoever comes while it runs waits here for its commit (false) or rollback (true). */
export async function beginAttempt(trx: Trx, attempt: Attempt): Promise<boolean> {
  const row = await trx
    .insertInto("idempotencyKeys")
    .values(attempt)
    .onConflict((conflict) =>
      conflict
        .columns(["workspaceId", "route", "key"])
        .doUpdateSet((eb) => ({
          requestHash: attempt.requestHash,
          status: null,
          createdAt: eb.fn("now", []),
        }))
        .where(isForgotten),
    )
    .returning("key")
    .executeTakeFirst()
  return row !== undefined
}

export async function finishAttempt(trx: Trx, attempt: Attempt, answer: Answer): Promise<void> {
  await trx
    .updateTable("idempotencyKeys")
    .set({ status: answer.status, headers: JSON.stringify(answer.headers), body: answer.body })
    .where("workspaceId", "=", attempt.workspaceId)
    .where("route", "=", attempt.route)
    .where("key", "=", attempt.key)
    .execute()
}

/** The first attempt's answer, or null when that one was for another request. */
export async function firstAnswer(trx: Trx, attempt: Attempt): Promise<Answer | null> {
  const row = await trx
    .selectFrom("idempotencyKeys")
    .select(["requestHash", "status", "headers", "body"])
    .where("workspaceId", "=", attempt.workspaceId)
    .where("route", "=", attempt.route)
    .where("key", "=", attempt.key)
    .executeTakeFirstOrThrow()
  if (!row.requestHash.equals(attempt.requestHash) || row.status === null) return null
  return { status: row.status, headers: row.headers ?? {}, body: row.body ?? "" }
}

export async function forgetAttempts(db: Db): Promise<void> {
  await db.deleteFrom("idempotencyKeys").where(isForgotten).execute()
}

const isForgotten = sql<boolean>`idempotency_keys.created_at < now() - make_interval(hours => ${sql.lit(KEPT_HOURS)})`
