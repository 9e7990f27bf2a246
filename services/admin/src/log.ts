import { type Logger, pino } from "pino"

/** JSON lines on stdout; credentials never reach them. */
export function createLog(name: string, level: string): Logger {
  return pino({
    name,
    level,
    redact: ["req.headers.authorization", "req.headers.cookie", "*.password", "*.key", "*.apiKey"],
  })
}
