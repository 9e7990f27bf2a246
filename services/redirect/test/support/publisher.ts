import { type BanSet, encodeBanSet } from "@qiao/core/ban-set.ts"
import { type ClickBatch, unpackBatch } from "@qiao/core/click.ts"
import type { CompiledRule } from "@qiao/core/decide.ts"
import { type DomainRecord, encodeDomain } from "@qiao/core/domain-record.ts"
import {
  BANS_KEY,
  BUCKETS,
  CAP_USED,
  CHANGES_CHANNEL,
  capKey,
  clickStreamKey,
  domainKey,
  HEARTBEAT,
  linkKey,
  markerKey,
  ruleSetKey,
} from "@qiao/core/keys.ts"
import { encodeLink, type LinkRecord } from "@qiao/core/record.ts"
import { encodeRuleSet } from "@qiao/core/rule-set-record.ts"
import type { RecordVersion } from "@qiao/core/versioned.ts"
import { Redis } from "ioredis"
import type { Test } from "tap"
import { PLAIN_DOMAIN } from "../../../../packages/core/test/support/domain.ts"
import { PLAIN_LINK } from "../../../../packages/core/test/support/link.ts"
import { waitFor } from "../../../test/support/wait.ts"

/** Writes what the real publisher writes, in the test's own order and versions. */
export type Publisher = Awaited<ReturnType<typeof startPublisher>>

export const HOST = "s.example.com"

export async function startPublisher(t: Test, url: string) {
  const redis = new Redis(url, { maxRetriesPerRequest: null })
  redis.on("error", () => {})
  const beat = () => void redis.publish(CHANGES_CHANNEL, HEARTBEAT).catch(() => {})
  let heartbeat = setInterval(beat, 100)
  t.teardown(() => {
    clearInterval(heartbeat)
    redis.disconnect()
  })
  let revision = 0

  const write = async (
    key: string,
    encode: (version: RecordVersion) => string,
    version?: Partial<RecordVersion>,
  ) => {
    revision++
    const written = { epoch: 1, revision, ...version }
    const message = `${key} ${written.epoch}.${written.revision}`
    await redis.multi().set(key, encode(written)).publish(CHANGES_CHANNEL, message).exec()
  }

  const publisher = {
    redis,
    /** With the counter of its `maxClicks`, if it has any. */
    link: async (code: string, fields: Partial<LinkRecord> = {}, version?: Partial<RecordVersion>) => {
      const link = { ...PLAIN_LINK, id: `lnk_${code}`, ...fields }
      if (link.maxClicks !== null) await redis.hsetnx(capKey(link.id), CAP_USED, 0)
      await write(linkKey(HOST, code), (v) => encodeLink(v, link), version)
    },
    /** How many of a link's `maxClicks` are used up. */
    used: (code: string) => redis.hget(capKey(`lnk_${code}`), CAP_USED),
    use: (code: string, used: number) => redis.hset(capKey(`lnk_${code}`), CAP_USED, used),
    tombstone: (code: string, version?: Partial<RecordVersion>) =>
      write(linkKey(HOST, code), (v) => encodeLink(v, null), version),
    domain: (host: string, fields: Partial<DomainRecord> = {}) => {
      return write(domainKey(host), (v) => encodeDomain(v, { ...PLAIN_DOMAIN, host, ...fields }))
    },
    ruleSet: (id: string, rules: CompiledRule[]) => write(ruleSetKey(id), (v) => encodeRuleSet(v, { rules })),
    noRuleSet: (id: string) => write(ruleSetKey(id), (v) => encodeRuleSet(v, null)),
    /** Everything that is banned from now on. */
    bans: (
      bans: Partial<Record<keyof BanSet, Iterable<string>>> = {},
      version: Partial<RecordVersion> = {},
    ) => {
      const { hosts = [], domains = [], workspaces = [] } = bans
      const set = { hosts: new Set(hosts), domains: new Set(domains), workspaces: new Set(workspaces) }
      return write(BANS_KEY, (v) => encodeBanSet(v, set), version)
    },
    noDomain: (host: string) => write(domainKey(host), (v) => encodeDomain(v, null)),
    complete: async (epoch = 1) => {
      for (let bucket = 0; bucket < BUCKETS; bucket++) await redis.set(markerKey(bucket), String(epoch))
    },
    /** Resolves when Redis has passed the heartbeat on; whoever hears it has heard all changes before it. */
    beat: () => redis.publish(CHANGES_CHANNEL, HEARTBEAT),
    silence: () => clearInterval(heartbeat),
    speak: () => {
      clearInterval(heartbeat)
      heartbeat = setInterval(beat, 100)
    },
    /** The visits of a link, as soon as there are so many. */
    recorded: async (linkId: string, count: number) => {
      const visits = async () => {
        const batches = await publisher.batches()
        return batches.flatMap((batch) => batch.visits).filter((visit) => visit.linkId === linkId)
      }
      await waitFor(`${count} visits of ${linkId}`, async () => (await visits()).length >= count, {
        timeoutMs: 3_000,
      })
      return visits()
    },
    /** Everything in the click streams, oldest first a partition. */
    batches: async (partitions = 4): Promise<ClickBatch[]> => {
      const read: ClickBatch[] = []
      for (let partition = 0; partition < partitions; partition++) {
        for (const [, fields] of await redis.xrange(clickStreamKey(partition), "-", "+")) {
          read.push(unpackBatch(fields[1] ?? ""))
        }
      }
      return read
    },
  }
  await publisher.complete()
  await publisher.domain(HOST)
  return publisher
}
