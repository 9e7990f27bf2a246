import { readFileSync } from "node:fs"
import { PlainError } from "../../scripts/lib/plain-error.ts"

/** Node takes as many as the hard limit allows, and what it starts has the same; throws where that is not enough. */
export function requireOpenFiles(count: number): void {
  const limits = readFileSync("/proc/self/limits", "utf8")
  const limit = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1])
  if (limit < count)
    throw new PlainError(`${count} open files are needed and ${limit} allowed: ulimit -n ${count}`)
}
