import { Writable } from "node:stream"
import { type Logger, pino } from "pino"

export type Listened = { log: Logger; lines(level: "info" | "warn"): Record<string, unknown>[] }

/** A log that can be read back. */
export function listenToLog(): Listened {
  const written: Record<string, unknown>[] = []
  const stream = new Writable({
    write(line, _encoding, done) {
      written.push(JSON.parse(String(line)))
      done()
    },
  })
  const log = pino({ formatters: { level: (level) => ({ level }) } }, stream)
  return { log, lines: (level) => written.filter((line) => line.level === level) }
}
