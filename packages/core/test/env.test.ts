import t from "tap"
import { z } from "zod"
import { ConfigError, count, parseEnv, port, redisUrl } from "../src/env.ts"

const schema = z.object({ REDIS_URL: redisUrl, PORT: port(8080), MAX: count(5) })

t.test("defaults fill in for absent and empty variables, and the result is frozen", async (t) => {
  const config = parseEnv(schema, { REDIS_URL: "redis://localhost", PORT: "" })
  t.same(config, { REDIS_URL: "redis://localhost", PORT: 8080, MAX: 5 })
  t.ok(Object.isFrozen(config))
})

t.test("every wrong variable is named, and no value is repeated", async (t) => {
  const secret = "mysql://user:secret@host"
  const parse = () => parseEnv(schema, { REDIS_URL: secret, PORT: "70000", MAX: "many" })
  let error: unknown
  try {
    parse()
  } catch (err) {
    error = err
  }
  if (!(error instanceof ConfigError)) return t.fail("nothing, or something else, was thrown")
  for (const name of ["REDIS_URL", "PORT", "MAX"]) t.match(error.message, name)
  t.notMatch(error.message, "secret")
})
