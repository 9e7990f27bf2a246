import { PlainError } from "../../scripts/lib/plain-error.ts"
import type { LoadResult } from "../load/load.ts"

/** Of all requests: a server that answers wrong is fast for nothing. */
const WRONG_MAX = 0.001

/** What a server must answer to be measured at all. */
export type Expected = {
  /** 302 unless told. */
  status?: string
  /** Instead: it refuses, with 404 or 429. */
  isRefusing?: boolean
}

const REFUSALS = ["404", "429"]

/** A load generator that is as fast as it can tells refusals from other answers and no more. */
export function requireRightLoad(
  name: string,
  load: LoadResult,
  { isRefusing = false }: Expected = {},
): void {
  const { requests, refused, timedOut, failed } = load
  const wrong = isRefusing ? requests - refused : refused
  requireRight(name, wrong + timedOut + failed, requests)
}

export function requireRightAnswers(
  name: string,
  answers: Record<string, number>,
  { status = "302", isRefusing = false }: Expected = {},
): void {
  const right = isRefusing ? REFUSALS : [status]
  const all = Object.values(answers).reduce((sum, count) => sum + count, 0)
  requireRight(name, all - right.reduce((sum, each) => sum + (answers[each] ?? 0), 0), all)
}

function requireRight(name: string, wrong: number, all: number): void {
  if (all > 0 && wrong <= all * WRONG_MAX) return
  throw new PlainError(`${name}: of ${all} requests ${wrong} had no answer, or another than they must have`)
}
