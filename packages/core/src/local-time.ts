import { WEEKDAYS, type Weekday } from "./rule.ts"

/** What a wall clock shows: the day of the week and the minute of the day, 0 to 1439. */
export type LocalTime = { weekday: Weekday; minute: number }

type Clock = { format: Intl.DateTimeFormat; second: number; time: LocalTime }

const clocks = new Map<string, Clock>()

/** Local time in an IANA zone, daylight saving included; worked out once a second and zone. */
export function localTimeOf(nowMs: number, timeZone: string): LocalTime {
  const clock = clockOf(timeZone)
  const second = Math.floor(nowMs / 1_000)
  if (clock.second !== second) {
    clock.time = read(clock.format, nowMs)
    clock.second = second
  }
  return clock.time
}

function read(format: Intl.DateTimeFormat, nowMs: number): LocalTime {
  const parts = format.formatToParts(nowMs)
  const part = (type: string) => parts.find((each) => each.type === type)?.value ?? ""
  const weekday = WEEKDAYS.find((day) => day === part("weekday").toLowerCase()) ?? "mon"
  return { weekday, minute: Number(part("hour")) * 60 + Number(part("minute")) }
}

/** Minutes since midnight of `HH:MM`. */
export function minuteOf(clock: string): number {
  const [hour, minute] = clock.split(":")
  return Number(hour) * 60 + Number(minute)
}

function clockOf(timeZone: string): Clock {
  const known = clocks.get(timeZone)
  if (known !== undefined) return known
  const format = new Intl.DateTimeFormat("en-US", {
    ...{ timeZone, weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  })
  const clock: Clock = { format, second: Number.NaN, time: { weekday: "mon", minute: 0 } }
  clocks.set(timeZone, clock)
  return clock
}
