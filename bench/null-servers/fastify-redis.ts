import Fastify from "fastify"
import { Redis } from "ioredis"
import { plainKey, VISITS_KEY } from "./keys.ts"

/** A redirect that reads its url and writes its visit with each request. Listens on the port, asks the Redis that it is given. */
const [port, redisUrl = ""] = process.argv.slice(2)
const redis = new Redis(redisUrl)
const app = Fastify()
app.get<{ Params: { code: string } }>("/:code", async (req, reply) => {
  const { code } = req.params
  const url = await redis.get(plainKey(code))
  if (url === null) return reply.code(404).send()
  const agent = req.headers["user-agent"] ?? ""
  await redis.xadd(VISITS_KEY, "*", "code", code, "agent", agent, "ip", req.ip, "at", Date.now())
  return reply.code(302).header("location", url).send()
})
await app.listen({ host: "127.0.0.1", port: Number(port) })
