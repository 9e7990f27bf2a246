import { encodeDomain } from "../../packages/core/src/domain-record.ts"
import { BUCKETS, domainKey, linkKey, markerKey } from "../../packages/core/src/keys.ts"
import { encodeLink } from "../../packages/core/src/record.ts"
import { PLAIN_DOMAIN } from "../../packages/core/test/support/domain.ts"
import { PLAIN_LINK } from "../../packages/core/test/support/link.ts"
import { plainKey } from "../null-servers/keys.ts"
import type { RedisServer } from "./stores.ts"

/** The domain of the links that are seeded. */
export const HOST = "s.example.com"

const VERSION = { epoch: 1, revision: 1 }
/** Links a command. */
const BATCH = 1_000
const COMMANDS_IN_FLIGHT = 8

/** Seven characters, different for each number up to 36⁶, in no order. */
export const codeOf = (i: number): string => `k${((i * 48_271_003) % 36 ** 6).toString(36).padStart(6, "0")}`

const urlOf = (i: number): string => `https://shop.example.com/products/${i}?utm_source=poster`

export type Seeding = {
  links: number
  /** Where the link is not a plain one. */
  settingsOf?: (i: number) => Partial<typeof PLAIN_LINK>
}

/** Puts links straight into Redis, as the publisher would have left them after a refill. */
export async function seedLinks(
  redis: RedisServer,
  { links, settingsOf = () => ({}) }: Seeding,
): Promise<void> {
  await seed(redis, links, (i, code) => {
    const link = { ...PLAIN_LINK, id: `lnk_${code}`, url: urlOf(i), ...settingsOf(i) }
    return [linkKey(HOST, code), encodeLink(VERSION, link)]
  })
  const { client } = redis
  await client.set(domainKey(HOST), encodeDomain(VERSION, { ...PLAIN_DOMAIN, host: HOST }))
  const markers = Array.from({ length: BUCKETS }, (_, bucket) => [markerKey(bucket), String(VERSION.epoch)])
  await client.mset(markers.flat())
}

/** Their urls alone, for null servers. */
export function seedPlainUrls(redis: RedisServer, links: number): Promise<void> {
  return seed(redis, links, (i, code) => [plainKey(code), urlOf(i)])
}

async function seed(
  { client }: RedisServer,
  links: number,
  recordOf: (i: number, code: string) => [key: string, value: Parameters<typeof client.set>[1]],
): Promise<void> {
  const underWay = new Set<Promise<unknown>>()
  for (let first = 0; first < links; first += BATCH) {
    const numbers = Array.from({ length: Math.min(BATCH, links - first) }, (_, i) => first + i)
    const records = numbers.flatMap((i) => recordOf(i, codeOf(i)))
    const command: Promise<unknown> = client.mset(records).then(() => underWay.delete(command))
    underWay.add(command)
    if (underWay.size >= COMMANDS_IN_FLIGHT) await Promise.race(underWay)
  }
  await Promise.all(underWay)
}
