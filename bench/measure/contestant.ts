import { PlainError } from "../../scripts/lib/plain-error.ts"
import type { LoadResult } from "../load/load.ts"
import type { Traffic } from "../load/traffic.ts"
import type { Server } from "../servers/server.ts"
import type { Books } from "./accounting.ts"
import { type Expected, requireRightLoad } from "./right-answers.ts"

/** A server that is measured beside another, and what it is asked for. */
export type Contestant = Expected & {
  name: string
  server: Server
  traffic: Traffic
  /** Of an edge. */
  books?: Books
  /** It has a cache to fill, whose entries expire by the clock, and go on to do so while other servers are measured. */
  hasLongRunIn?: boolean
  /** What a link took of Redis, where that is to be told. */
  redisBytesPerLink?: number
  /** After each of its rounds. */
  afterRound?: () => Promise<void>
}

export async function requireAnswered(contestant: Contestant, load: LoadResult): Promise<void> {
  const { name, server } = contestant
  if (load.failed > 0) {
    const lost = `${name}: ${load.failed} requests lost their connection`
    throw new PlainError(`${lost}\n${await server.lastWords()}`)
  }
  requireRightLoad(name, load, contestant)
}
