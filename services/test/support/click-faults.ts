import { setTimeout as last } from "node:timers/promises"
import { CLICK_GROUP, clickStreamKey } from "../../../packages/core/src/keys.ts"
import type { Random } from "../../../packages/core/test/support/random.ts"
import type { Loss } from "./click-checker.ts"
import { type Member, waitForIngests } from "./member.ts"
import { ingestName, OWN_SESSIONS, PARTITIONS, type Testbed } from "./testbed.ts"

/*
 * What can happen to clicks on their way. Each fault is made at an exact moment, seen to have happened, and healed when it resolves;
 * visits go on meanwhile.
 */

/** Kills an ingest that has committed visits and cannot acknowledge them, and starts it again. */
export async function killBeforeAck(bed: Testbed): Promise<void> {
  const ingest = await muteAfterCommit(bed)
  await ingest.kill9()
  // What it still wanted to say must not be heard.
  ingest.toRedis.cut()
  ingest.toRedis.resume()
  await ingest.start()
}

/** Lets an ingest commit visits but not acknowledge them: its connections to Redis are paused. */
async function muteAfterCommit(bed: Testbed): Promise<Member> {
  const { ingest, stored } = await holdTransactions(bed, async (ingest) => {
    ingest.toRedis.pause()
    return { ingest, stored: await storedBatches(bed.db) }
  })
  await waitForIngests(bed.ingests, "a commit", async () => (await storedBatches(bed.db)) > stored)
  return ingest
}

/** Kills an ingest while Postgres reads visits from it, and starts it again. */
export async function killInCopy({ db, ingests }: Testbed, random: Random): Promise<void> {
  const ingest = await waitForIngests(ingests, "an ingest to own a partition", async () => {
    for (const each of ingests) if ((await ownedBy([each])) > 0) return each
    return undefined
  })
  await ingest.toPostgres.pauseIn("copy visits", 1 + random.below(2_000))
  const copies = "select from pg_stat_progress_copy where relid <> 0 and datname = current_database()"
  await waitForIngests(ingests, "a COPY that stands still", async () => (await db.query(copies)).rowCount)
  await ingest.kill9()
  ingest.toPostgres.cut()
  ingest.toPostgres.resume()
  await ingest.start()
}

/** Does something while an ingest is in the middle of a transaction, which then goes on. */
async function holdTransactions<T>(
  { openSession, ingests }: Testbed,
  act: (ingest: Member) => Promise<T>,
): Promise<T> {
  const session = await openSession()
  try {
    await session.query("begin; lock table link_totals in exclusive mode")
    const held = await waitForIngests(ingests, "an ingest to wait for the totals", async () => {
      const { rows } = await session.query<{ name: string }>(HELD_INGESTS)
      return ingests.find((_, n) => rows.some(({ name }) => name === ingestName(n)))
    })
    return await act(held)
  } finally {
    await session.end()
  }
}

const HELD_INGESTS = `
  select application_name as name from pg_locks join pg_stat_activity using (pid)
  where relation = 'link_totals'::regclass and not granted and datname = current_database()
    and pg_stat_clear_snapshot() is not null`

/** Postgres cannot be reached from the ingests, nor be gone on with where it was. */
export async function losePostgres({ ingests }: Testbed, ms: number): Promise<void> {
  for (const { toPostgres } of ingests) {
    toPostgres.refuse()
    toPostgres.cut()
  }
  await last(ms)
  for (const { toPostgres } of ingests) toPostgres.accept()
}

/** Postgres ends the sessions of the ingests, as its own restart would. */
export async function endSessions({ db }: Testbed): Promise<void> {
  await db.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name <> $1 and backend_type = 'client backend'`,
    [OWN_SESSIONS],
  )
}

/** Redis takes connections and answers nobody. */
export async function pauseRedis({ store }: Testbed, ms: number): Promise<void> {
  store.pause()
  await last(ms)
  store.resume()
}

/** Redis cannot be reached from these, nor be gone on with where it was. */
export async function loseRedis(members: readonly Member[], ms: number): Promise<void> {
  for (const { toRedis } of members) {
    toRedis.refuse()
    toRedis.cut()
  }
  await last(ms)
  for (const { toRedis } of members) toRedis.accept()
}

/** A batch gets to Redis, but the edge never hears of it, and sends it again. */
export async function sendTwice({ toRedis }: Member): Promise<void> {
  await toRedis.loseAnswerTo("xadd")
}

/** The connection of an edge breaks somewhere within what it sends. */
export async function cutInSending({ toRedis }: Member, random: Random): Promise<void> {
  await toRedis.cutAfter(1 + random.below(4_000))
}

/** Kills an edge under load and starts it again on its port and spill folder; tells what that may have cost. */
export async function killEdge(edge: Member, windowMs: number, starting = {}): Promise<Loss> {
  const killedAtMs = Date.now()
  await edge.kill9()
  await edge.start(starting)
  return { edge: edge.url, killedAtMs, windowMs }
}

/**
 * Holds an ingest that works and cuts it off from Postgres, once what it committed is not acknowledged; others take over its partitions
 * and store; then it wakes up and says what it wanted to say.
 */
export async function takeOver(bed: Testbed): Promise<void> {
  const held = await muteAfterCommit(bed)
  held.process.pause()
  held.toPostgres.cut()
  const others = bed.ingests.filter((ingest) => ingest !== held)
  await waitForIngests(
    others,
    "others to own all partitions",
    async () => (await ownedBy(others)) === PARTITIONS,
  )
  const stored = await storedBatches(bed.db)
  await waitForIngests(
    others,
    "others to store batches",
    async () => (await storedBatches(bed.db)) > stored + 5,
  )
  held.toRedis.resume()
  held.process.resume()
}

/** Redis forgets which batches were given to an ingest, while it stores some; the groups are there again when this resolves. */
export async function loseGroups(bed: Testbed): Promise<void> {
  const { redis } = bed
  const streams = Array.from({ length: PARTITIONS }, (_, partition) => clickStreamKey(partition))
  await holdTransactions(bed, async () => {
    for (const stream of streams) await redis.xgroup("DESTROY", stream, CLICK_GROUP)
  })
  for (const stream of streams) {
    const hasGroup = async () => ((await redis.xinfo("GROUPS", stream)) as unknown[]).length > 0
    await waitForIngests(bed.ingests, "the group to be made again", hasGroup)
  }
}

async function ownedBy(ingests: readonly Member[]): Promise<number> {
  const owned = await Promise.all(ingests.map((ingest) => ingest.metric("qiao_ingest_partitions_owned")))
  return owned.reduce((sum, count) => sum + count, 0)
}

async function storedBatches(db: Testbed["db"]): Promise<number> {
  const { rows } = await db.query<{ count: number }>("select count(*)::int as count from click_batches")
  return rows[0]?.count ?? 0
}
