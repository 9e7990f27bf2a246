import { parseArgs } from "node:util"
import { type Random, randomFrom } from "../../packages/core/test/support/random.ts"
import { exitWith, PlainError } from "../../scripts/lib/plain-error.ts"
import { type Findings, NOTHING } from "./support/click-checker.ts"
import { killBeforeAck, killInCopy, loseGroups, sendTwice, takeOver } from "./support/click-faults.ts"
import { startDriver } from "./support/driver.ts"
import { lossesTold } from "./support/losses.ts"
import { strikeAtRandom } from "./support/mixed-faults.ts"
import { startPostgres, type TestPostgres } from "./support/postgres.ts"
import { newScope, type Scope } from "./support/scope.ts"
import { startTestbed, type Testbed } from "./support/testbed.ts"
import { judge } from "./support/verdict.ts"

/*
 * The longer way to see that no click is lost or doubled: for some minutes, rounds of visits through two edges and two ingests, with stores
 * of their own. In each round every exact fault happens once, then others at random; then what was answered is compared with what is
 * stored. The seed decides what is tried and when; what the machine makes of it differs from run to run.
 */

const ROUND_MS = 120_000
/** Of a store, as long as the machine of one is restarted. */
const OUTAGE_MAX_MS = 60_000
const PER_SECOND = 200
/** A flush, a deadline of the testbed, and what a busy machine adds. */
const LOSS_WINDOW_MS = 250 + 1_000 + 500

const say = (line: string) => console.log(line)
const whole = newScope(say)
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    whole.end().finally(() => process.exit(1))
  })
}

const isExact = await checkClicks().finally(whole.end).catch(exitWith)
process.exit(isExact ? 0 : 1)

async function checkClicks(): Promise<boolean> {
  const { minutes, seed } = readArguments()
  const untilMs = Date.now() + minutes * 60_000
  say(`SEED=${seed}`)
  const postgres = await startPostgres(whole)
  let wrongRounds = 0
  let rounds = 0
  do {
    const scope = newScope(say)
    whole.teardown(scope.end)
    const random = randomFrom(seed + rounds++)
    say(`Round ${rounds} …`)
    const findings = await runRound(scope, postgres, random, Math.min(untilMs, Date.now() + ROUND_MS))
    await scope.end()
    if (!tellFindings(findings)) wrongRounds++
  } while (Date.now() < untilMs)
  say(`${rounds} rounds, ${wrongRounds} of them not exact; SEED=${seed}`)
  return wrongRounds === 0
}

function readArguments() {
  const { values } = parseArgs({
    options: { minutes: { type: "string", default: "10" }, seed: { type: "string" } },
  })
  const minutes = Number(values.minutes)
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(values.seed)
  if (!(minutes > 0) || !Number.isSafeInteger(seed)) {
    throw new PlainError("usage: scripts/check-clicks [--minutes N] [--seed N]")
  }
  return { minutes, seed }
}

async function runRound(
  scope: Scope,
  postgres: TestPostgres,
  random: Random,
  untilMs: number,
): Promise<Findings> {
  const bed = await startTestbed(scope, { edges: 2, ingests: 2, postgres })
  const edges = bed.edges.map(({ url }) => url)
  const driver = startDriver(scope, { edges, codes: bed.codes, random, perSecond: PER_SECOND })
  for (const strike of random.shuffle(exactFaults(bed, random))) await strike()
  const { told, losses } = await strikeAtRandom(bed, {
    ...{ random, untilMs },
    outageMaxMs: OUTAGE_MAX_MS,
    lossWindowMs: LOSS_WINDOW_MS,
  })
  say(`  ${told.join(", ")}`)
  const { findings } = await judge(scope, bed, driver, losses)
  for (const line of await lossesTold(bed, driver, losses)) say(`  ${line}`)
  return findings
}

function exactFaults(bed: Testbed, random: Random): (() => Promise<void>)[] {
  return [
    () => killBeforeAck(bed),
    () => killInCopy(bed, random),
    () => takeOver(bed),
    () => loseGroups(bed),
    ...bed.edges.map((edge) => () => sendTwice(edge)),
  ]
}

/** True when there is nothing to tell. */
function tellFindings(findings: Findings): boolean {
  if (JSON.stringify(findings) === JSON.stringify(NOTHING)) {
    say("  exact: nothing lost, nothing doubled, every count and account right")
    return true
  }
  for (const [kind, found] of Object.entries(findings)) {
    if (found.length > 0) say(`  ${kind}: ${found.length}, such as ${found.slice(0, 5).join(" · ")}`)
  }
  return false
}
