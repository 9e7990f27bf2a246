import { once } from "node:events"
import { codeGenerator } from "@qiao/core/code.ts"
import { linkKey } from "@qiao/core/keys.ts"
import { encodeLink } from "@qiao/core/record.ts"
import pino from "pino"
import t from "tap"
import { PLAIN_LINK } from "../../../packages/core/test/support/link.ts"
import { startRedis } from "../../test/support/redis.ts"
import { newId } from "../src/ids.ts"
import { connectRecords, putRecords } from "../src/publishing/redis-records.ts"
import { redisClient } from "./support/redis.ts"

/** Late in the life of an instance, and of a link that is often changed. */
const EPOCH = 99
const REVISION = 999
const HOST = "s.example.com"
/** Beyond, Redis' allocator rounds by more than what a link adds to its url. */
const URL_LENGTH_MAX = 400

const redis = await startRedis(t, { appendOnly: false })

t.test("a plain link costs Redis at most its url, code and host and 160 bytes", async (t) => {
  const publisher = connectRecords(redis.url, pino({ level: "silent" }))
  t.teardown(() => publisher.disconnect())
  await once(publisher, "ready")
  const client = redisClient(t, redis.url)
  const newCode = codeGenerator(7)
  const links = Array.from({ length: URL_LENGTH_MAX }, (_, i) => {
    const code = newCode()
    const link = { ...PLAIN_LINK, id: newId("lnk"), url: "https://a/".padEnd(i + 1, "x") }
    const key = linkKey(HOST, code)
    const value = encodeLink({ epoch: EPOCH, revision: REVISION }, link)
    return { key, revision: REVISION, value, ownBytes: link.url.length + code.length + HOST.length }
  })
  await putRecords(publisher, EPOCH, links)
  for (const { key, ownBytes } of links) {
    const bytes = await client.memory("USAGE", key)
    t.ok(bytes !== null && bytes <= ownBytes + 160, `${bytes} for ${ownBytes}`)
  }
})
