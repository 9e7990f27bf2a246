import { readFile } from "node:fs/promises"
import type { Logger } from "pino"
import { type FollowedFile, followFile } from "./followed-file.ts"
import { type HostList, parseHostList } from "./hosts.ts"
import { KNOWN_SHORTENERS } from "./known-shorteners.ts"

type Deps = { log: Pick<Logger, "info" | "warn">; signal: AbortSignal }

const known = parseHostList(KNOWN_SHORTENERS).list

/** The known link shorteners, changed by the operator's file (of the format of `parseHostList`) where there is one. */
export async function openShorteners(path: string | null, deps: Deps): Promise<FollowedFile<HostList>> {
  if (path === null) return { value: () => known, refresh: async () => {} }
  return followFile(path, () => readShorteners(path, deps.log), deps)
}

async function readShorteners(path: string, log: Deps["log"]): Promise<HostList> {
  const { list, unreadable } = parseHostList(await readFile(path, "utf8"))
  if (unreadable.length > 0)
    log.warn({ file: path, lines: unreadable }, "lines of the shorteners' file name no host")
  log.info({ file: path, entries: list.size }, "shorteners read")
  return new Map([...known, ...list])
}
