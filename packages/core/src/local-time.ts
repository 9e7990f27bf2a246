import { WEEKDAYS, type Weekday } from "./rule.ts"

/** What a wall clock shows: the day of the week and the minute of the day, 0 to 1439. */
export type LocalTime = { weekday: Weekday; minute: number }

const formats = new Map<string, Intl.DateTimeFormat>()

/** Local time in an IANA zone, daylight saving included. */
export function localTimeOf(nowMs: number, timeZone: string): LocalTime {
  const parts = formatOf(timeZone).formatToParts(nowMs)
  const part = (type: string) => parts.find((each) => each.type === type)?.value ?? ""
  const weekday = WEEKDAYS.find((day) => day === part("weekday").toLowerCase()) ?? "mon"
  return { weekday, minute: Number(part("hour")) * 60 + Number(part("minute")) }
}

/** Minutes since midnight of `HH:MM`. */
export function minuteOf(clock: string): number {
  const [hour, minute] = clock.split(":")
  return Number(hour) * 60 + Number(minute)
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone)
  if (known !== undefined) return known
  const format = new Intl.DateTimeFormat("en-US", {
    ...{ timeZone, weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  })
  formats.set(timeZone, format)
  return format
}
