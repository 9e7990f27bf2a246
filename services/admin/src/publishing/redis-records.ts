import { CHANGES_CHANNEL } from "@qiao/core/keys.ts"
import { type RecordVersion, versionOf } from "@qiao/core/versioned.ts"
import type { ClientContext, Redis, Result } from "ioredis"
import type { Logger } from "pino"
import { connectRedis } from "../redis.ts"
import type { Publication } from "../repositories/publications.ts"
import { defineCapCommands } from "./cap-counters.ts"

/** Writes a record unless Redis holds a newer one, and tells the edges, in one step. Answers "" or the newer value's version. */
const PUT_LUA = `
  local epoch, revision = tonumber(ARGV[1]), tonumber(ARGV[2])
  local held = redis.call('GET', KEYS[1])
  if held then
    local heldEpoch, heldRevision = string.match(held, '^(%d+)%.(%d+)%.')
    heldEpoch, heldRevision = tonumber(heldEpoch), tonumber(heldRevision)
    if heldEpoch and (heldEpoch > epoch or (heldEpoch == epoch and heldRevision > revision)) then
      return heldEpoch .. '.' .. heldRevision .. '.'
    end
  end
  redis.call('SET', KEYS[1], ARGV[3])
  redis.call('PUBLISH', ARGV[4], KEYS[1] .. ' ' .. ARGV[1] .. '.' .. ARGV[2])
  return ''`

/** Removes a record of an older epoch, and tells the edges. Answers 1 when it did. */
const DROP_LUA = `
  local held = redis.call('GET', KEYS[1])
  if not held then return 0 end
  local heldEpoch = tonumber(string.match(held, '^(%d+)%.'))
  if heldEpoch and heldEpoch >= tonumber(ARGV[1]) then return 0 end
  redis.call('DEL', KEYS[1])
  redis.call('PUBLISH', ARGV[2], KEYS[1] .. ' ' .. ARGV[1] .. '.0')
  return 1`

/** Sets a bucket's marker if the refill that began with this epoch is still the one at work and nothing was lost meanwhile. */
const COMPLETE_LUA = `
  if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
  redis.call('DEL', KEYS[1])
  redis.call('SET', KEYS[2], ARGV[1])
  return 1`

declare module "ioredis" {
  interface RedisCommander<Context extends ClientContext> {
    putRecord(
      key: string,
      epoch: number,
      revision: number,
      value: string,
      channel: string,
    ): Result<string, Context>
    dropRecord(key: string, olderThanEpoch: number, channel: string): Result<number, Context>
    completeBucket(refillKey: string, markerKey: string, epoch: number): Result<number, Context>
  }
}

/** A connection for publishing. */
export function connectRecords(url: string, log: Logger): Redis {
  const redis = connectRedis(url, log, { name: "publisher", commandTimeout: 1_000 })
  redis.defineCommand("putRecord", { numberOfKeys: 1, lua: PUT_LUA })
  redis.defineCommand("dropRecord", { numberOfKeys: 1, lua: DROP_LUA })
  redis.defineCommand("completeBucket", { numberOfKeys: 2, lua: COMPLETE_LUA })
  defineCapCommands(redis)
  return redis
}

export type PutResult = { kind: "written" } | { kind: "newer"; held: RecordVersion }

/** Writes records side by side; results in input order. Writing the same version again is harmless. */
export function putRecords(
  redis: Redis,
  epoch: number,
  records: (Publication & { value: string })[],
): Promise<PutResult[]> {
  return Promise.all(
    records.map(async ({ key, revision, value }): Promise<PutResult> => {
      const held = await redis.putRecord(key, epoch, revision, value, CHANGES_CHANNEL)
      return held === "" ? { kind: "written" } : { kind: "newer", held: versionOf(held) }
    }),
  )
}
