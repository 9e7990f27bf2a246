import { CAP_PATTERN, CAP_USED, capKey, capLinkId } from "@qiao/core/keys.ts"
import type { RecordVersion } from "@qiao/core/versioned.ts"
import type { ClientContext, Redis, Result } from "ioredis"
import { scanKeys } from "../redis.ts"
import type { PublishableRecord } from "../repositories/publishable.ts"

/*
 * The counters of links with `maxClicks`, from which the edges take.
 *
 *   none ──start──► counting ──end (no maxClicks any more, or deleted)──► ending ──a minute──► none
 *                      ▲────────────────────start───────────────────────────┘
 *
 * A counter is there before the record that asks for it. It carries the version of what started or ended it last, and whatever is older
 * has no effect: a publisher that has lost its place may still be heard. Starting one that is there raises it to what Postgres counted,
 * and never lowers it, unless clicks were erased since.
 */

/**
 * What Postgres knows of the clicks of a link with `maxClicks`; `since` is when they were erased last, in epoch milliseconds, null while
 * they are being erased: the counter stays what it is until that is done.
 */
export type CountedClicks = { linkId: string; used: number; since: number | null }

/** For edges that have not heard yet: they may go on to take from it. */
const ENDING_SECONDS = 60

const START_LUA = `
  local epoch, revision, used, since = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
  local held = redis.call('HMGET', KEYS[1], 'epoch', 'revision', '${CAP_USED}', 'since')
  local heldEpoch, heldRevision = tonumber(held[1]) or 0, tonumber(held[2]) or 0
  if heldEpoch > epoch or (heldEpoch == epoch and heldRevision > revision) then return 0 end
  if since == '' then since = held[4] or '0' end
  if held[4] == since then used = math.max(used, tonumber(held[3])) end
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'revision', revision, '${CAP_USED}', used, 'since', since)
  redis.call('PERSIST', KEYS[1])
  return 1`

const END_LUA = `
  local epoch, revision = tonumber(ARGV[1]), tonumber(ARGV[2])
  local held = redis.call('HMGET', KEYS[1], 'epoch', 'revision')
  local heldEpoch, heldRevision = tonumber(held[1]), tonumber(held[2])
  if not heldEpoch or heldEpoch > epoch or (heldEpoch == epoch and heldRevision >= revision) then return 0 end
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'revision', revision)
  redis.call('EXPIRE', KEYS[1], ARGV[3])
  return 1`

declare module "ioredis" {
  interface RedisCommander<Context extends ClientContext> {
    startCap(
      key: string,
      epoch: number,
      revision: number,
      used: number,
      since: number | "",
    ): Result<number, Context>
    endCap(key: string, epoch: number, revision: number, seconds: number): Result<number, Context>
  }
}

export function defineCapCommands(redis: Redis): void {
  redis.defineCommand("startCap", { numberOfKeys: 1, lua: START_LUA })
  redis.defineCommand("endCap", { numberOfKeys: 1, lua: END_LUA })
}

/** Before their records are written. */
export async function startCaps(redis: Redis, epoch: number, records: PublishableRecord[]): Promise<void> {
  await Promise.all(
    records.map(async ({ revision, counted }) => {
      if (counted === null) return
      await redis.startCap(capKey(counted.linkId), epoch, revision, counted.used, counted.since ?? "")
    }),
  )
}

/** After their records are written. The first revision of a record has ended none. */
export async function endCaps(redis: Redis, epoch: number, records: PublishableRecord[]): Promise<void> {
  await Promise.all(
    records.flatMap(({ revision, uncounted }) =>
      revision === 1 ? [] : uncounted.map((linkId) => endCap(redis, linkId, { epoch, revision })),
    ),
  )
}

/** Ends every counter that nothing of this epoch started. */
export async function endOlderCaps(redis: Redis, epoch: number): Promise<void> {
  for await (const linkIds of scanCaps(redis)) {
    await Promise.all(linkIds.map((linkId) => endCap(redis, linkId, { epoch, revision: 0 })))
  }
}

/** The links of every counter, some of them perhaps twice. */
export async function* scanCaps(redis: Redis): AsyncGenerator<string[]> {
  for await (const keys of scanKeys(redis, CAP_PATTERN)) yield keys.map(capLinkId)
}

function endCap(redis: Redis, linkId: string, { epoch, revision }: RecordVersion): Promise<number> {
  return redis.endCap(capKey(linkId), epoch, revision, ENDING_SECONDS)
}
