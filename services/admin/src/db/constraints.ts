import pg from "pg"
import { Problem } from "../problem.ts"

const VIOLATIONS: Record<string, [code: string, detail: string]> = {
  links_external_id: ["external_id_taken", "Another link of this workspace has this externalId."],
  rule_sets_workspace_id_name_key: ["name_taken", "This workspace already has a rule set of this name."],
  tags_workspace_id_name_key: ["name_taken", "This workspace already has a tag of this name."],
}

/**
 * What Postgres decided, in the API's words: a unique index between writers, or a value that it has no place for. Null for any other
 * error.
 */
export function violationOf(err: unknown): Problem | null {
  if (!(err instanceof pg.DatabaseError)) return null
  if (/^22/.test(err.code ?? ""))
    return new Problem(422, "invalid_value", "A value is out of what can be stored.")
  const violation = err.code === "23505" ? VIOLATIONS[err.constraint ?? ""] : undefined
  return violation === undefined ? null : new Problem(409, ...violation)
}

/**
 * What writers at the same time do to each other, and what trying again cures: a deadlock, a serialisation failure, a row that was
 * referred to and deleted meanwhile.
 */
export function isCollision(err: unknown): boolean {
  return err instanceof pg.DatabaseError && /^(40P01|40001|23503)$/.test(err.code ?? "")
}

/** SQLSTATE classes and socket errors that say "Postgres cannot be asked now". */
const UNAVAILABLE =
  /^(08...|25006|57014|57P0[1-5]|53300|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN)$/
const UNAVAILABLE_MESSAGE =
  /^(timeout exceeded when trying to connect|Query read timeout|Connection terminated|Client has encountered a connection error)/

export function isDatabaseUnavailable(err: unknown): boolean {
  if (!(err instanceof Error)) return false
  if ("code" in err && typeof err.code === "string" && UNAVAILABLE.test(err.code)) return true
  return UNAVAILABLE_MESSAGE.test(err.message)
}
