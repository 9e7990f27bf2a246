import type { FieldProblem } from "./link.ts"
import type { Conditions, Rule, When } from "./rule.ts"

/** Rules that are accepted though they can never decide anything, with pointers into `/rules`. */
export function ruleWarnings(rules: readonly Rule[]): FieldProblem[] {
  return rules.flatMap((rule, number) => {
    const pointer = `/rules/${number}`
    const warnings: FieldProblem[] = []
    if (contradictsItself(rule.when)) {
      const detail = "its `not` leaves out whatever it names"
      warnings.push({ pointer: `${pointer}/when/not`, code: "never_holds", detail })
    }
    if (isEmptyWindow(rule.when)) {
      warnings.push({ pointer: `${pointer}/when`, code: "never_holds", detail: "no time is in its window" })
    }
    const shadow = rules.slice(0, number).findIndex((earlier) => covers(earlier.when, rule.when))
    if (shadow >= 0) {
      warnings.push({ pointer, code: "shadowed", detail: `rule ${shadow} decides whatever this one could` })
    }
    return warnings
  })
}

function isEmptyWindow({ after, before, hours }: When): boolean {
  const isOver = after !== undefined && before !== undefined && Date.parse(after) >= Date.parse(before)
  return isOver || (hours?.every(({ from, to }) => from === to) ?? false)
}

function contradictsItself({ not = {}, ...when }: When): boolean {
  return Object.entries(not).some(([name, excluded]) => {
    const named = when[name as keyof Conditions]
    return named !== undefined && excluded !== undefined && isSubset(named, excluded)
  })
}

/** Whether `earlier` holds wherever `later` does, as far as their lists of values tell. */
function covers(earlier: When, later: When): boolean {
  const { not: earlierNot = {}, timeZone: earlierZone, ...wide } = earlier
  const { not: laterNot = {}, timeZone: laterZone, ...narrow } = later
  if (dependsOnZone(earlier) && earlierZone !== laterZone) return false
  return (
    everyCondition(wide, narrow, isSubset) &&
    everyCondition(earlierNot, laterNot, (of, values) => isSubset(values, of))
  )
}

/** Whether `later` has each condition of `earlier`, in the relation given. */
function everyCondition(
  earlier: Conditions,
  later: Conditions,
  isRelated: (laterValues: unknown, earlierValues: unknown) => boolean,
): boolean {
  return Object.entries(earlier).every(([name, values]) => {
    const own = later[name as keyof Conditions]
    return values === undefined || (own !== undefined && isRelated(own, values))
  })
}

function isSubset(values: unknown, of: unknown): boolean {
  if (!Array.isArray(values) || !Array.isArray(of)) return values === of
  const known = new Set(of.map((value) => JSON.stringify(value)))
  return values.every((value) => known.has(JSON.stringify(value)))
}

function dependsOnZone({ not, ...when }: When): boolean {
  return [when, not].some((set) => set?.weekday !== undefined || set?.hours !== undefined)
}
