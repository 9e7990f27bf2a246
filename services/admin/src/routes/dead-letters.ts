import type { ClickBatch, RecordedVisit } from "@qiao/core/click.ts"
import { OUTCOMES } from "@qiao/core/decide.ts"
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod"
import { z } from "zod"
import {
  type DeadLetter,
  deadLetterId,
  deadLetterPlace,
  deleteDeadLetter,
  findDeadLetter,
  listDeadLetters,
  requeueDeadLetter,
} from "../ingest/dead-letter-streams.ts"
import { invalidField, notFound, Problem } from "../problem.ts"
import { failures, idParams, noContent, pageOfSchema, pageQuery } from "./schemas.ts"

/** Of what is no batch. */
const RAW_LENGTH_MAX = 2_000

const batchSchema = z.object({
  instance: z.string().describe("The edge that sealed it"),
  sequence: z.number(),
  sealedAt: z.string(),
  isFinal: z.boolean(),
  visits: z.number(),
  orphans: z.number().describe("Visits of unknown codes"),
})

const letterSchema = z
  .object({
    id: z.string().describe("`<partition>-<id in the stream>`"),
    partition: z.number(),
    at: z.string().describe("When ingest put it here"),
    reason: z.string().describe("What Postgres, or the decoder, said"),
    sizeBytes: z.number(),
    batch: batchSchema.nullable().describe("Null for what is no batch: its visits count nowhere"),
  })
  .meta({ id: "DeadLetter" })

const visitSchema = z.object({
  at: z.string(),
  link: z.string(),
  decision: z.enum(OUTCOMES),
  ...{ automated: z.boolean(), synthetic: z.boolean() },
  ...{ platform: z.string(), os: z.string(), device: z.string(), browser: z.string() },
  ...{ language: z.string(), referrer: z.string(), rule: z.string(), variant: z.string() },
})

const openedSchema = letterSchema
  .extend({
    visits: z.array(visitSchema).describe("Without addresses"),
    raw: z.string().nullable().describe("How it begins, where it is no batch"),
  })
  .meta({ id: "OpenedDeadLetter" })

type Options = { partitions: number; horizonMs: number }

export const deadLetterRoutes: FastifyPluginAsyncZod<Options> = async (app, { partitions, horizonMs }) => {
  app.get("/dead-letters", {
    config: { scope: "operator" },
    schema: {
      summary: "List batches of visits that could not be stored",
      description:
        "For operators. By partition, the oldest first. Their visits count as dead-lettered in the accounting.",
      querystring: pageQuery,
      response: { 200: pageOfSchema(letterSchema), ...failures },
    },
    handler: async (req) => {
      const { limit, cursor } = req.query
      const after = cursor === undefined ? null : deadLetterPlace(cursor, partitions)
      if (cursor !== undefined && after === null)
        throw invalidField("/cursor", "invalid_cursor", "must be a nextCursor of this list", "query")
      const letters = await listDeadLetters(app.redis, partitions, { limit: limit + 1, after })
      const data = letters.slice(0, limit)
      const last = letters.length > limit ? data.at(-1) : undefined
      return { data: data.map(toAnswer), nextCursor: last === undefined ? null : deadLetterId(last) }
    },
  })

  app.get("/dead-letters/:id", {
    config: { scope: "operator" },
    schema: {
      summary: "Look into a batch that could not be stored",
      params: idParams,
      response: { 200: openedSchema, ...failures },
    },
    handler: async (req) => {
      const letter = await find(req.params.id)
      const raw = letter.batch === null ? letter.sealed.slice(0, RAW_LENGTH_MAX) : null
      return { ...toAnswer(letter), visits: (letter.batch?.visits ?? []).map(toVisit), raw }
    },
  })

  app.post("/dead-letters/:id/requeue", {
    config: { scope: "operator" },
    schema: {
      summary: "Deliver a batch that could not be stored once more",
      description:
        "For when what was wrong has been put right. It is stored once, however often it is asked for; what still cannot be stored comes back as a new dead letter. A batch that was sealed longer ago than `SPILL_MAX_AGE_HOURS` would be counted as expired, and is refused with 409.",
      params: idParams,
      response: { ...noContent, ...failures },
    },
    handler: async (req, reply) => {
      const letter = await find(req.params.id)
      if (letter.batch !== null) refuseExpired(letter.batch)
      await requeueDeadLetter(app.db, app.redis, letter)
      req.log.info({ deadLetter: req.params.id, reason: letter.reason }, "requeued a dead letter")
      return reply.code(204).send(null)
    },
  })

  app.delete("/dead-letters/:id", {
    config: { scope: "operator" },
    schema: {
      summary: "Give up a batch that could not be stored",
      description: "It is gone for good. Its visits go on counting as dead-lettered.",
      params: idParams,
      response: { ...noContent, ...failures },
    },
    handler: async (req, reply) => {
      const letter = await find(req.params.id)
      await deleteDeadLetter(app.redis, letter)
      req.log.info({ deadLetter: req.params.id, reason: letter.reason }, "gave up a dead letter")
      return reply.code(204).send(null)
    },
  })

  async function find(id: string): Promise<DeadLetter> {
    const place = deadLetterPlace(id, partitions)
    const letter = place === null ? null : await findDeadLetter(app.redis, place)
    if (letter === null) throw notFound("dead letter")
    return letter
  }

  function refuseExpired({ sealedAtMs }: ClickBatch): void {
    if (sealedAtMs >= Date.now() - horizonMs) return
    const detail = `It was sealed at ${timeOf(sealedAtMs)}, before what SPILL_MAX_AGE_HOURS lets in.`
    throw new Problem(409, "past_horizon", detail)
  }
}

function toAnswer(letter: DeadLetter): z.output<typeof letterSchema> {
  const { partition, atMs, reason, sealed, batch } = letter
  const id = deadLetterId(letter)
  return {
    id,
    partition,
    at: timeOf(atMs),
    reason,
    sizeBytes: Buffer.byteLength(sealed),
    batch: toBatch(batch),
  }
}

function toBatch(batch: ClickBatch | null): z.output<typeof batchSchema> | null {
  if (batch === null) return null
  const { instance, sequence, sealedAtMs, isFinal, visits } = batch
  const orphans = batch.orphans.reduce((sum, each) => sum + each.visits, 0)
  return { instance, sequence, sealedAt: timeOf(sealedAtMs), isFinal, visits: visits.length, orphans }
}

function toVisit(visit: RecordedVisit): z.output<typeof visitSchema> {
  const { atMs, linkId, outcome, automated, synthetic, visitor, language, referrer, rule, variant } = visit
  const { platform, os, device, browser } = visitor
  return {
    ...{ at: timeOf(atMs), link: linkId, decision: outcome, automated, synthetic },
    ...{ platform, os, device, browser, language, referrer, rule, variant },
  }
}

const DATE_MAX_MS = 8.64e15

/** What cannot be stored may have a time that no date has. */
const timeOf = (ms: number): string =>
  new Date(Math.max(-DATE_MAX_MS, Math.min(ms, DATE_MAX_MS))).toISOString()
