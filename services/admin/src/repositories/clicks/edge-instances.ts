import { sql } from "kysely"
import type { Db } from "../../db/connect.ts"
import { decodeCursor, isTime, type Page, type PageRequest, pageOf } from "../page.ts"
import { closedUntil } from "../upkeep/partitions.ts"
import type { Clock } from "./click-batches.ts"

export const INSTANCE_STATES = ["running", "stopped", "vanished"] as const
export type InstanceState = (typeof INSTANCE_STATES)[number]

/** An edge says something each minute; one that is silent for this long without its last word vanished. */
const SILENCE_MAX_MS = 300_000

/** In visits. `accepted` is the sum of all others. */
type VisitTerms = {
  accepted: number
  stored: number
  expired: number
  deadLettered: number
  dropped: number
  spilled: number
  inFlight: number
  lost: number
}

/** In batches. `delivered` is the sum of `unique`, `duplicates` and `deadLetteredBatches`. */
type BatchTerms = {
  delivered: number
  unique: number
  duplicates: number
  deadLetteredBatches: number
  missing: number
}

export type InstanceAccount = VisitTerms &
  BatchTerms & {
    instance: string
    state: InstanceState
    isBalanced: boolean
    firstAt: Date
    lastAt: Date
    stoppedAt: Date | null
  }

export type AccountTotals = VisitTerms &
  BatchTerms & {
    running: number
    stopped: number
    vanished: number
    unbalanced: number
    oldestAt: Date | null
    newestAt: Date | null
  }

export type AccountFilter = { state?: InstanceState | undefined; isBalanced?: boolean | undefined }

/** The newest first. */
export async function listAccounts(
  db: Db,
  clock: Clock,
  { state, isBalanced }: AccountFilter,
  { limit, cursor }: PageRequest,
): Promise<Page<InstanceAccount>> {
  const after = cursor === undefined ? null : decodeCursor(cursor, ORDER, isTime, isInstance)
  const { rows } = await sql<InstanceAccount>`
    with accounts as (${accounts(clock)})
    select * from accounts
    where (${state ?? null}::text is null or state = ${state ?? null})
      and (${isBalanced ?? null}::boolean is null or is_balanced = ${isBalanced ?? null})
      and (${after?.id ?? null}::text is null or
        (first_at, instance) < (${after?.value ?? null}::timestamptz, ${after?.id ?? null}))
    order by first_at desc, instance desc
    limit ${limit + 1}`.execute(db)
  return pageOf(rows, limit, ({ firstAt, instance }) => ({
    sort: ORDER,
    value: firstAt.toISOString(),
    id: instance,
  }))
}

const ORDER = "-firstAt"
const isInstance = (id: string): boolean => id.length <= 200

export async function sumAccounts(db: Db, clock: Clock): Promise<AccountTotals> {
  const sums = SUMMED.map((column) => sql`coalesce(sum(${sql.ref(column)}), 0)::bigint as ${sql.ref(column)}`)
  const { rows } = await sql<AccountTotals>`
    with accounts as (${accounts(clock)})
    select ${sql.join(sums)},
      count(*) filter (where state = 'running') as running, count(*) filter (where state = 'stopped') as stopped,
      count(*) filter (where state = 'vanished') as vanished, count(*) filter (where not is_balanced) as unbalanced,
      min(first_at) as oldest_at, max(last_at) as newest_at
    from accounts`.execute(db)
  const [totals] = rows
  if (totals === undefined) throw new Error("an aggregate has one row")
  return totals
}

const SUMMED: (keyof (VisitTerms & BatchTerms))[] = [
  ...(["accepted", "stored", "expired", "deadLettered", "dropped", "spilled", "inFlight", "lost"] as const),
  ...(["delivered", "unique", "duplicates", "deadLetteredBatches", "missing"] as const),
]

/**
 * What is neither here nor given up waits: in the spill, as the instance last told, else on its way. It is lost once even the newest batch
 * is from before the horizon, as all that is amiss is older. Lost visits do not balance, nor does what cannot be: more here than was
 * accepted, more copies than their terms, or every batch here and visits amiss, as each tells of the visits until it was sealed.
 */
function accounts({ nowMs, horizonMs }: Clock) {
  const silentSince = new Date(nowMs - SILENCE_MAX_MS)
  const closed = new Date(closedUntil(nowMs, horizonMs))
  return sql`
    select instance, state, first_at, last_at, stopped_at,
      accepted, stored, expired, dead_lettered, dropped, lost,
      least(spilled, greatest(waiting, 0)) as spilled, waiting - least(spilled, greatest(waiting, 0)) as in_flight,
      delivered_batches as delivered, batches as "unique", duplicate_batches as duplicates, dead_lettered_batches, missing,
      waiting >= 0 and missing >= 0 and delivered_batches = batches + duplicate_batches + dead_lettered_batches
        and lost = 0 and not (missing = 0 and waiting > 0) as is_balanced
    from edge_instances e
      cross join lateral (
        select count(*) as dead_lettered_batches from dead_letters where instance = e.instance
      ) d
      cross join lateral (
        select accepted - stored - expired - dead_lettered - dropped as amiss,
          last_sequence + 1 - batches - dead_lettered_batches as missing,
          case when stopped_at is not null then 'stopped' when last_at < ${silentSince} then 'vanished' else 'running' end
            as state
      ) t
      cross join lateral (select case when last_at < ${closed} then greatest(amiss, 0) else 0 end as lost) l
      cross join lateral (select amiss - lost as waiting) w`
}
