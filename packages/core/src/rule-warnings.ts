import type { FieldProblem } from "./link.ts"
import { minuteOf } from "./local-time.ts"
import type { Platform } from "./platform.ts"
import { type Conditions, type Rule, WEEKDAYS, type When } from "./rule.ts"

/** Rules that are accepted though they can never decide anything, with pointers into `/rules`; `allowed` is the link's `allowPlatforms`. */
export function ruleWarnings(
  rules: readonly Rule[],
  allowed: readonly Platform[] | null = null,
): FieldProblem[] {
  const readied = rules.map(({ when }) => readyToCompare(when))
  return rules.flatMap(({ when }, number) => {
    const pointer = `/rules/${number}`
    const warnings: FieldProblem[] = []
    const own = readied[number]
    if (own !== undefined && contradictsItself(own)) {
      const detail = "its `not` leaves out whatever it names"
      warnings.push({ pointer: `${pointer}/when/not`, code: "never_holds", detail })
    }
    if (allowed !== null && when.platform?.every((platform) => !allowed.includes(platform))) {
      const detail = "allowPlatforms leaves out all of its platforms"
      warnings.push({ pointer: `${pointer}/when/platform`, code: "never_holds", detail })
    }
    if (hasEmptyWindow(when)) {
      warnings.push({ pointer: `${pointer}/when`, code: "never_holds", detail: "no time is in its window" })
    }
    const shadow = readied.slice(0, number).findIndex((earlier) => own !== undefined && covers(earlier, own))
    if (shadow >= 0) {
      warnings.push({ pointer, code: "shadowed", detail: `rule ${shadow} decides whatever this one could` })
    }
    return warnings
  })
}

/** The values of each condition as texts, so that sets of them can be compared. */
type Values = ReadonlyMap<string, ReadonlySet<string>>
type Comparable = { wanted: Values; excluded: Values; zone: string | undefined }

function readyToCompare({ not = {}, timeZone, ...when }: When): Comparable {
  const needsZone = [when, not].some(({ weekday, hours }) => weekday !== undefined || hours !== undefined)
  return { wanted: valuesOf(when), excluded: valuesOf(not), zone: needsZone ? timeZone : undefined }
}

function valuesOf(conditions: Conditions): Values {
  const entries = Object.entries(conditions).filter(([, values]) => values !== undefined)
  return new Map(
    entries.map(([name, values]) => [name, new Set([values].flat().map((value) => JSON.stringify(value)))]),
  )
}

function hasEmptyWindow({ not, ...when }: When): boolean {
  const { after, before, hours } = when
  const isOver = after !== undefined && before !== undefined && Date.parse(after) >= Date.parse(before)
  const isNever = hours?.every(
    ({ from, to }) => minuteOf(from) % DAY === minuteOf(to) % DAY && !isWholeDay({ from, to }),
  )
  const leavesOutAll = not?.hours?.some(isWholeDay) || WEEKDAYS.every((day) => not?.weekday?.includes(day))
  return isOver || isNever === true || leavesOutAll
}

const DAY = 24 * 60

function isWholeDay({ from, to }: { from: string; to: string }): boolean {
  return from === "00:00" && to === "24:00"
}

function contradictsItself({ wanted, excluded }: Comparable): boolean {
  return [...wanted].some(([name, values]) => isCovered(name, values, excluded.get(name) ?? NOTHING))
}

const NOTHING: ReadonlySet<string> = new Set()

/** Whether `earlier` holds wherever `later` does, as far as their lists of values tell. */
function covers(earlier: Comparable, later: Comparable): boolean {
  if (earlier.zone !== undefined && earlier.zone !== later.zone) return false
  return (
    [...earlier.wanted].every(([name, values]) => {
      const own = later.wanted.get(name)
      return own !== undefined && isCovered(name, own, values)
    }) &&
    [...earlier.excluded].every(([name, values]) =>
      isCovered(name, values, later.excluded.get(name) ?? NOTHING),
    )
  )
}

/** Whether every value is among `others`; a language covers its regions. */
function isCovered(name: string, values: ReadonlySet<string>, others: ReadonlySet<string>): boolean {
  const hasFamily = (tag: string) => name === "language" && others.has(tag.replace(/-.*/, '"'))
  return [...values].every((value) => others.has(value) || hasFamily(value))
}
