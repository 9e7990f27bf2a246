import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod"
import { z } from "zod"
import { readBacklog, type StreamBacklog } from "../../ingest/click-streams.ts"
import {
  type AccountTotals,
  INSTANCE_STATES,
  type InstanceAccount,
  listAccounts,
  sumAccounts,
} from "../../repositories/clicks/edge-instances.ts"
import { failures, flag, pageQuery } from "../schemas.ts"

const accountQuery = pageQuery.extend({
  state: z.enum(INSTANCE_STATES).optional(),
  balanced: flag.optional(),
})

const visitTerms = z
  .object({
    accepted: z.number().describe("What edges answered, as their newest batch tells"),
    stored: z.number(),
    waiting: z.object({
      spilled: z.number().describe("In the edge's spill, as it last told"),
      inFlight: z
        .number()
        .describe("In the edge's memory or in a stream; negative when more came than was accepted"),
    }),
    dropped: z.number().describe("By the edge, with its spill and its memory full"),
    deadLettered: z.number(),
    expired: z.number().describe("Came for the first time after the horizon"),
    lost: z
      .number()
      .describe(
        "Still amiss though even the newest batch of their run is from before the horizon; they would count as expired",
      ),
  })
  .describe(
    "accepted = stored + waiting.spilled + waiting.inFlight + dropped + deadLettered + expired + lost",
  )

const batchTerms = z
  .object({
    delivered: z.number().describe("Copies that ingest was given"),
    unique: z.number(),
    duplicates: z.number(),
    deadLettered: z.number(),
    missing: z.number().describe("Sealed before the newest one, and not here yet"),
  })
  .describe("delivered = unique + duplicates + deadLettered")

const instanceSchema = z
  .object({
    instance: z.string().describe("One run of an edge process"),
    state: z.enum(INSTANCE_STATES).describe("`vanished`: silent for five minutes, without its last batch"),
    balanced: z.boolean(),
    visits: visitTerms,
    batches: batchTerms,
    firstAt: z.string().describe("When its first batch was stored"),
    lastAt: z.string().describe("When its newest batch was sealed"),
    stoppedAt: z.string().nullable(),
  })
  .meta({ id: "InstanceAccount" })

const accountingSchema = z
  .object({
    at: z.string(),
    balanced: z.boolean().describe("Every instance is"),
    totals: z.object({
      visits: visitTerms,
      batches: batchTerms,
      instances: z.object({
        ...{ running: z.number(), stopped: z.number(), vanished: z.number() },
        unbalanced: z.number(),
      }),
      oldestAt: z.string().nullable().describe("The first batch of all"),
      newestAt: z.string().nullable().describe("The newest batch of all"),
    }),
    streams: z
      .array(
        z.object({
          partition: z.number(),
          batches: z.number(),
          oldestAt: z.string().nullable().describe("When the oldest of them came"),
          deadLetters: z.number(),
        }),
      )
      .nullable()
      .describe("What waits in Redis; null when it cannot be asked"),
    data: z.array(instanceSchema),
    nextCursor: z.string().nullable(),
  })
  .meta({ id: "Accounting" })

type Options = { partitions: number; horizonMs: number }

export const accountingRoutes: FastifyPluginAsyncZod<Options> = async (app, { partitions, horizonMs }) => {
  app.get("/stats/accounting", {
    config: { scope: "operator" },
    schema: {
      summary: "Account for every visit",
      description:
        "For operators. Two equations, of visits and of batches, for each run of an edge, the newest first, and over all of them. `balanced` is false where more came than was accepted, where all batches of a run came and visits are amiss all the same, and where visits are lost: amiss `SPILL_MAX_AGE_HOURS` (and two) after the newest batch of a run that stopped or vanished.",
      querystring: accountQuery,
      response: { 200: accountingSchema, ...failures },
    },
    handler: async (req) => {
      const clock = { nowMs: Date.now(), horizonMs }
      const { state, balanced, ...page } = req.query
      const [streams, totals, accounts] = await Promise.all([
        readBacklog(app.redis, partitions),
        sumAccounts(app.db, clock),
        listAccounts(app.db, clock, { state, isBalanced: balanced }, page),
      ])
      return {
        at: new Date(clock.nowMs).toISOString(),
        balanced: totals.unbalanced === 0,
        totals: toTotals(totals),
        streams: streams?.map(toStream) ?? null,
        data: accounts.data.map(toAccount),
        nextCursor: accounts.nextCursor,
      }
    },
  })
}

function toTotals(totals: AccountTotals) {
  const { running, stopped, vanished, unbalanced, oldestAt, newestAt } = totals
  return {
    ...termsOf(totals),
    instances: { running, stopped, vanished, unbalanced },
    oldestAt: oldestAt?.toISOString() ?? null,
    newestAt: newestAt?.toISOString() ?? null,
  }
}

function toAccount(account: InstanceAccount): z.output<typeof instanceSchema> {
  const { instance, state, isBalanced, firstAt, lastAt, stoppedAt } = account
  return {
    ...{ instance, state, balanced: isBalanced, ...termsOf(account) },
    firstAt: firstAt.toISOString(),
    lastAt: lastAt.toISOString(),
    stoppedAt: stoppedAt?.toISOString() ?? null,
  }
}

function termsOf(terms: AccountTotals | InstanceAccount) {
  const { accepted, stored, spilled, inFlight, dropped, deadLettered, expired, lost } = terms
  const { delivered, unique, duplicates, deadLetteredBatches, missing } = terms
  return {
    visits: { accepted, stored, waiting: { spilled, inFlight }, dropped, deadLettered, expired, lost },
    batches: { delivered, unique, duplicates, deadLettered: deadLetteredBatches, missing },
  }
}

function toStream({ partition, batches, oldestAtMs, deadLetters }: StreamBacklog) {
  const oldestAt = oldestAtMs === null ? null : new Date(oldestAtMs).toISOString()
  return { partition, batches, oldestAt, deadLetters }
}
