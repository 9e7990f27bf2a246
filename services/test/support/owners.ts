import { setTimeout as pause } from "node:timers/promises"
import { LOCKS } from "../../admin/src/db/locks.ts"
import type { Scope } from "./scope.ts"
import type { Testbed } from "./testbed.ts"

/*
 * Who writes clicks, and by what right: any session that holds a writer's lock on the single visits must hold the advisory lock of a
 * partition as well. Postgres gives each to one session at a time, so no two work on one partition.
 */

type Watched = { seen: number; trespassers: number[] }

const EVERY_MS = 5

export async function watchOwners(
  scope: Scope,
  { openSession }: Testbed,
): Promise<{ stop(): Promise<Watched> }> {
  const session = await openSession()
  const found: Watched = { seen: 0, trespassers: [] }
  let isStopped = false

  async function watch() {
    while (!isStopped) {
      const { rows } = await session.query<{ pid: number; owns: boolean }>(WRITERS, [LOCKS.clickPartition])
      found.seen += rows.length
      found.trespassers.push(...rows.flatMap(({ pid, owns }) => (owns ? [] : [pid])))
      await pause(EVERY_MS)
    }
  }
  const watching = watch()
  const stop = async () => {
    isStopped = true
    await watching
    return found
  }
  scope.teardown(stop)
  return { stop }
}

/** Databases made from one template have tables of the same oid, so others' are left out. */
const WRITERS = `
  select pid, bool_or(locktype = 'advisory' and classid = $1) as owns
  from pg_locks where granted and database = (select oid from pg_database where datname = current_database())
  group by pid
  having bool_or(relation = 'visits'::regclass and mode = 'RowExclusiveLock')`
