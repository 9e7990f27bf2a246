import { contradictionsIn } from "./click-counts.ts"
import type { DrivenVisit } from "./driver.ts"
import type { Queries } from "./queries.ts"

/*
 * The verdict over a run, in the manner of Jepsen's set and counter checkers: what drivers had answered, against what Postgres has once
 * nothing is on its way any more.
 */

export type Findings = {
  /** Markers of visits that were answered with a redirect and are stored nowhere. */
  lost: string[]
  /** Stored more than once. */
  doubled: string[]
  /** Stored, but sent by nobody, or answered otherwise. */
  invented: string[]
  /** Stored at a time at which they did not happen. */
  misdated: string[]
  /** Ways of counting that do not say the same as the single visits. */
  contradictions: string[]
  /** Instances of which an equation of the accounting does not hold. */
  unbalanced: string[]
}

export const NOTHING: Findings = {
  lost: [],
  doubled: [],
  invented: [],
  misdated: [],
  contradictions: [],
  unbalanced: [],
}

/** What a fault may cost: visits that an edge answered within the window before it was killed. */
export type Loss = { edge: string; killedAtMs: number; windowMs: number }

/** Clocks tell whole milliseconds, and the edge asks for the time once in each request. */
const CLOCK_MS = 2

export async function check(
  db: Queries,
  visits: readonly DrivenVisit[],
  losses: readonly Loss[] = [],
): Promise<Findings> {
  const stored = await storedVisits(db)
  const known = new Map(visits.map((visit) => [visit.marker, visit]))
  const lost = lostVisits(visits, stored).filter((visit) => !losses.some((loss) => isWithin(loss, visit)))
  const found = [...stored]
  return {
    lost: lost.map(({ marker }) => marker),
    doubled: found.flatMap(([marker, { count }]) => (count > 1 ? [marker] : [])),
    invented: found.flatMap(([marker]) => (mayBeStored(known.get(marker)) ? [] : [marker])),
    misdated: found.flatMap(([marker, { atMs }]) => (happenedAt(known.get(marker), atMs) ? [] : [marker])),
    contradictions: await contradictionsIn(db),
    unbalanced: await unbalancedInstances(db),
  }
}

type Stored = ReadonlyMap<string, { count: number; atMs: number }>

export async function storedVisits(db: Queries): Promise<Stored> {
  const { rows } = await db.query<{ referrer: string; count: number; at: Date }>(
    "select referrer, count(*)::int as count, min(at) as at from visits group by referrer",
  )
  return new Map(rows.map(({ referrer, count, at }) => [referrer, { count, atMs: at.getTime() }]))
}

/** Those that were answered with a redirect and are not stored. */
export function lostVisits(visits: readonly DrivenVisit[], stored: Stored): DrivenVisit[] {
  return visits.filter(({ marker, answer }) => answer?.status === 302 && !stored.has(marker))
}

const isWithin = ({ edge, killedAtMs, windowMs }: Loss, visit: DrivenVisit) =>
  visit.edge === edge && visit.answer !== null && visit.answer.atMs >= killedAtMs - windowMs

const mayBeStored = (visit: DrivenVisit | undefined) =>
  visit !== undefined && (visit.answer === null || visit.answer.status === 302)

function happenedAt(visit: DrivenVisit | undefined, atMs: number) {
  if (visit === undefined) return true // invented, which is told apart
  const answeredAtMs = visit.answer?.atMs ?? Number.POSITIVE_INFINITY
  return atMs >= visit.sentAtMs - CLOCK_MS && atMs <= answeredAtMs + CLOCK_MS
}

/** Of each instance: every visit it accepted is somewhere, each delivery is a new batch or a copy, and no batch is claimed uncounted. */
async function unbalancedInstances(db: Queries): Promise<string[]> {
  const { rows } = await db.query<{ instance: object }>(`
    select to_jsonb(e) || jsonb_build_object('claimed', claimed) as instance
    from edge_instances e
    left join (select instance, count(*) as claimed from click_batches group by instance) b using (instance)
    where accepted <> stored + expired + dropped + dead_lettered
      or delivered_batches <> batches + duplicate_batches
      or batches is distinct from claimed
      or batches <> last_sequence + 1`)
  return rows.map(({ instance }) => JSON.stringify(instance))
}
