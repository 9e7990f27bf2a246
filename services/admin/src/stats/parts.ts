import { daysAfter } from "../days.ts"
import type { ProblemItem } from "../problem.ts"
import type { LocalRange, Range } from "../repositories/stats/calendar.ts"
import { inQuery, type Obstacles, type Question } from "./question.ts"

/** How far counts go back: quarters before `daysUntil` are in days as well, and those before `quartersSince` only there. */
export type RollupState = { daysUntil: Date; quartersSince: Date }

/** Where in the counts a range lies: no visit is in two parts. Days are without the last. */
export type Parts = { days: { from: string; to: string } | null; quarters: Range[] }

/**
 * Days for what is in days, as there are far fewer of them, and quarters for the rest: what is newer, and the parts of days at either end.
 */
export function partsOf(question: Question, range: LocalRange, state: RollupState): Parts | Obstacles {
  const { from, to, firstMidnight, lastMidnight } = range
  const { daysUntil, quartersSince } = state
  const isOpen = to >= daysUntil
  const hasDays =
    canUseDays(question) && firstMidnight < daysUntil && firstMidnight < (isOpen ? to : lastMidnight)
  const ends = [
    { from, to: firstMidnight },
    { from: isOpen ? daysUntil : lastMidnight, to },
  ]
  const quarters = hasDays ? ends.filter((end) => end.from < end.to) : [{ from, to }]
  const areGone = quartersSince < daysUntil && quarters.some((part) => part.from < quartersSince)
  if (areGone) return { obstacles: goneQuarters(question, range, state) }
  // Of a day that has begun, days have what is before `daysUntil`.
  const end = isOpen && lastMidnight < to ? daysAfter(range.lastDay, 1) : range.lastDay
  return { days: hasDays ? { from: range.firstDay, to: end } : null, quarters }
}

/** For families that are counted by the day alone. */
export function daysOf(question: Question, range: LocalRange): Parts | Obstacles {
  const { workspaceTimeZone } = question
  const isWhole = isSame(range.firstMidnight, range.from) && isSame(range.lastMidnight, range.to)
  if (isWhole && canUseDays(question))
    return { days: { from: range.firstDay, to: range.lastDay }, quarters: [] }
  const detail = `leave it out: links are counted by days of ${workspaceTimeZone}`
  return { obstacles: [inQuery("timezone", "whole_days_only", detail)] }
}

function canUseDays({ interval, timeZone, workspaceTimeZone }: Question): boolean {
  return timeZone === workspaceTimeZone && interval !== "quarter" && interval !== "hour"
}

function goneQuarters(question: Question, range: LocalRange, { daysUntil, quartersSince }: RollupState) {
  const { interval, timeZone, workspaceTimeZone } = question
  const { from, to, firstMidnight, lastMidnight } = range
  const item = (parameter: string, what: string) =>
    inQuery(
      parameter,
      "whole_days_only",
      `before ${quartersSince.toISOString()} counts are kept by the day: ${what}`,
    )
  const items: ProblemItem[] = []
  if (interval === "quarter" || interval === "hour")
    items.push(item("interval", "ask for day, week or month"))
  if (timeZone !== workspaceTimeZone)
    items.push(item("timezone", `leave it out, as the days are of ${workspaceTimeZone}`))
  if (!isSame(firstMidnight, from))
    items.push(item("from", `ask from a midnight on, such as ${firstMidnight.toISOString()}`))
  if (!isSame(lastMidnight, to) && to < daysUntil && lastMidnight < quartersSince)
    items.push(item("to", `ask until a midnight, such as ${lastMidnight.toISOString()}`))
  return items
}

const isSame = (a: Date, b: Date): boolean => a.getTime() === b.getTime()
