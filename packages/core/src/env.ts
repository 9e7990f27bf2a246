import { z } from "zod"
import { isNetwork } from "./network.ts"

/** Thrown by `parseEnv`; its message names every variable that is wrong. */
export class ConfigError extends Error {}

/** Parses environment variables once, frozen. An empty variable counts as absent. Values are never repeated in the error. */
export function parseEnv<T extends z.ZodObject>(schema: T, env: NodeJS.ProcessEnv): Readonly<z.output<T>> {
  const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""))
  const parsed = schema.safeParse(present)
  if (parsed.success) return Object.freeze(parsed.data)
  const lines = parsed.error.issues.map((issue) => `  ${issue.path.join(".")}: ${issue.message}`)
  throw new ConfigError(`The environment is not usable:\n${lines.join("\n")}`)
}

const WHOLE_NUMBER = { error: "must be a whole number" }

export const port = (fallback: number) =>
  z.coerce.number(WHOLE_NUMBER).int(WHOLE_NUMBER).min(0).max(65_535).default(fallback)

/** A whole number of whatever the variable's name says last. */
export const count = (fallback: number, min = 1) =>
  z.coerce.number(WHOLE_NUMBER).int(WHOLE_NUMBER).min(min).default(fallback)

export const redisUrl = z.url({
  protocol: /^rediss?$/,
  error: unlessSet("must be a redis:// or rediss:// URL"),
})

export const postgresUrl = z.url({
  protocol: /^postgres(ql)?$/,
  error: unlessSet("must be a postgres:// URL"),
})

function unlessSet(message: string) {
  return ({ input }: { input?: unknown }) => (input === undefined ? "is not set" : message)
}

export const logLevel = z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]).default("info")

/** A list by commas or blanks. */
export const words = z
  .string()
  .default("")
  .transform((list) => list.split(/[\s,]+/).filter((word) => word !== ""))

/** Never `true` or a hop count: both let clients forge. */
export const networks = words.refine(
  (list) => list.every(isNetwork),
  "must be a list of addresses and CIDR networks",
)
