import { readJson, writePrivately } from "./files.ts"
import type { Supervised } from "./supervisor.ts"

/** What `up.json` says: all that another program needs to work with a running Qiao. */
export type UpState = {
  edge: string
  admin: string
  apiKey: string
  databaseUrl: string
  redisUrl: string
  ops: Record<string, string>
}

/** The key of the last run; the instance itself keeps only its hash. */
export async function lastApiKey(path: string) {
  const last = await readJson(path)
  if (typeof last !== "object" || last === null || !("apiKey" in last)) return undefined
  return typeof last.apiKey === "string" ? last.apiKey : undefined
}

/** With nothing running `pids` is empty, which is how a reader knows that it was stopped. */
export async function writeState(path: string, state: UpState, running: Supervised[]) {
  const pids = Object.fromEntries(running.map(({ program, pid }) => [program.name, pid] as const))
  await writePrivately(path, `${JSON.stringify({ ...state, pids }, null, 2)}\n`)
}
