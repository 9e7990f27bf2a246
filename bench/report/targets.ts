import { spreadOf } from "../lib/numbers.ts"
import { comparisonOf, firstOf, type Results } from "./results.ts"
import { table } from "./table.ts"

/** What must be reached, and what would be good. */
type Target = [measure: string, bound: "at least" | "at most", must: number, aim: number | null, value: Value]
/** Undefined where it was not measured, or something else was the limit. */
type Value = (results: Results) => number | undefined

type Pair = { scenario: string; other: string }

/** One server beside another, by CPU time a request and by requests per second. */
const ratio = (measure: string, must: number, aim: number, { scenario, other }: Pair): Target[] => {
  const comparison = (results: Results) => comparisonOf(results, scenario, other)
  return [
    [`${measure}, by CPU`, "at least", must, aim, (results) => comparison(results)?.cpu.median],
    [`${measure}, by requests/s`, "at least", must, aim, (results) => comparison(results)?.rate?.median],
  ]
}
const byP99 =
  (scenario: string): Value =>
  (results) =>
    comparisonOf(results, scenario, "bare Fastify")?.p99.median

const TARGETS: Target[] = [
  ...ratio("hot link ÷ bare Fastify", 0.88, 1, { scenario: "hot", other: "bare Fastify" }),
  ...ratio("Zipf ÷ bare Fastify", 0.8, 0.92, { scenario: "zipf", other: "bare Fastify" }),
  ...ratio("Zipf ÷ nginx + Lua, GET + XADD", 2.5, 3.3, {
    scenario: "zipf",
    other: "nginx + Lua, GET + XADD",
  }),
  ...ratio("misses ÷ Fastify + GET + XADD", 1.3, 1.6, { scenario: "miss", other: "Fastify + GET + XADD" }),
  ...ratio("10 million links ÷ 10,000 links", 0.95, 1, { scenario: "many-links", other: "10,000 links" }),
  ...ratio("ten rules ÷ no rule", 0.95, 0.98, { scenario: "rules", other: "no rule" }),
  ["Redis commands per 1,000 requests, hot", "at most", 5, 1, hotRedisCommands],
  ["p99 at half of maximum ÷ bare Fastify's, hot", "at most", 1.5, 1.1, byP99("hot")],
  ["p99 at half of maximum ÷ bare Fastify's, Zipf", "at most", 1.5, 1.1, byP99("zipf")],
  ["ms until an edit is seen at every edge, p99", "at most", 50, 10, ({ edits }) => edits?.sinceAnswer.p99],
  ["s from start until ready", "at most", 1, 0.4, ({ starts }) => starts?.median],
  ["goodput at the worst number of connections ÷ at the best", "at least", 0.85, null, worstShare],
  ["ms that the ops port takes under overload, max", "at most", 100, null, worstOpsMs],
  ["growth of peak RSS after the warm-up", "at most", 0.05, null, ({ memory }) => memory?.growth?.rss.growth],
]

function hotRedisCommands(results: Results): number | undefined {
  const rounds = firstOf(results, "hot")?.rounds
  return rounds && spreadOf(rounds.map(({ redisCommandsPerThousand = 0 }) => redisCommandsPerThousand)).median
}

/** Of the edge, which is the first server. */
function worstShare({ overload }: Results): number | undefined {
  const levels = overload?.[0]?.levels
  return levels && Math.min(...levels.map(({ share }) => share))
}

function worstOpsMs({ overload }: Results): number | undefined {
  const levels = overload?.[0]?.levels
  return (
    levels &&
    Math.max(...levels.map(({ ops, opsFailures }) => (opsFailures > 0 ? Infinity : (ops?.max ?? 0))))
  )
}

export function targetsReport(results: Results): string {
  const rows = TARGETS.map(([measure, bound, must, aim, valueIn]) => {
    const value = valueIn(results)
    return [
      measure,
      `${bound} ${must}`,
      aim === null ? "" : String(aim),
      value?.toFixed(2) ?? "",
      verdict(bound, must, aim, value),
    ]
  })
  return `## Targets\n\n${table(["measure", "must be", "aim", "measured", ""], rows)}`
}

function verdict(bound: Target[1], must: number, aim: number | null, value: number | undefined): string {
  if (value === undefined) return "not told"
  const reaches = (limit: number) => (bound === "at least" ? value >= limit : value <= limit)
  if (aim !== null && reaches(aim)) return "aim reached"
  return reaches(must) ? "reached" : "missed"
}
