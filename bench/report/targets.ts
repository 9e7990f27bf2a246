import { spreadOf } from "../lib/numbers.ts"
import { comparisonOf, firstOf, type Results } from "./results.ts"
import { table } from "./table.ts"

/** What must be reached, and what would be good. Ratios are of CPU time a request; those of times are better when lower. */
type Target = [measure: string, bound: "at least" | "at most", must: number, aim: number, value: Value]
/** Undefined where it was not measured. */
type Value = (results: Results) => number | undefined

const byCpu =
  (scenario: string, other: string): Value =>
  (results) =>
    comparisonOf(results, scenario, other)?.cpu.median
const byP99 =
  (scenario: string): Value =>
  (results) =>
    comparisonOf(results, scenario, "bare Fastify")?.p99

const TARGETS: Target[] = [
  ["hot link ÷ bare Fastify", "at least", 0.88, 1, byCpu("hot", "bare Fastify")],
  ["Zipf ÷ bare Fastify", "at least", 0.8, 0.92, byCpu("zipf", "bare Fastify")],
  ["Zipf ÷ nginx + Lua, GET + XADD", "at least", 2.5, 3.3, byCpu("zipf", "nginx + Lua, GET + XADD")],
  ["misses ÷ Fastify + GET + XADD", "at least", 1.3, 1.6, byCpu("miss", "Fastify + GET + XADD")],
  ["10 million links ÷ 10,000 links", "at least", 0.95, 1, byCpu("many-links", "10,000 links")],
  ["ten rules ÷ no rule", "at least", 0.95, 0.98, byCpu("rules", "no rule")],
  ["Redis commands per 1,000 requests, hot", "at most", 5, 1, hotRedisCommands],
  ["p99 at half of maximum ÷ bare Fastify's, hot", "at most", 1.5, 1.1, byP99("hot")],
  ["p99 at half of maximum ÷ bare Fastify's, Zipf", "at most", 1.5, 1.1, byP99("zipf")],
  ["ms until an edit is seen at every edge, p99", "at most", 50, 10, ({ edits }) => edits?.sinceAnswer.p99],
  ["s from start until ready", "at most", 1, 0.4, ({ starts }) => starts?.median],
]

function hotRedisCommands(results: Results): number | undefined {
  const rounds = firstOf(results, "hot")?.rounds
  return rounds && spreadOf(rounds.map(({ redisCommandsPerThousand = 0 }) => redisCommandsPerThousand)).median
}

export function targetsReport(results: Results): string {
  const rows = TARGETS.map(([measure, bound, must, aim, valueIn]) => {
    const value = valueIn(results)
    return [
      measure,
      `${bound} ${must}`,
      String(aim),
      value?.toFixed(2) ?? "",
      verdict(bound, must, aim, value),
    ]
  })
  return `## Targets\n\n${table(["measure", "must be", "aim", "measured", ""], rows)}`
}

function verdict(bound: Target[1], must: number, aim: number, value: number | undefined): string {
  if (value === undefined) return "not measured"
  const reaches = (limit: number) => (bound === "at least" ? value >= limit : value <= limit)
  if (reaches(aim)) return "aim reached"
  return reaches(must) ? "reached" : "missed"
}
