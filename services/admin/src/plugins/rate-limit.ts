import rateLimitPlugin, { normalizeIP } from "@fastify/rate-limit"
import { RATE_PREFIX } from "@qiao/core/keys.ts"
import type { FastifyInstance, FastifyRequest } from "fastify"
import fp from "fastify-plugin"
import { Problem } from "../problem.ts"

/** Limits a key to `max` requests a minute over all servers, whoever has no known key by network. Redis away: no limit. */
export const rateLimit = fp(async (app: FastifyInstance, options: { max: number; anonymousMax: number }) => {
  await app.register(rateLimitPlugin, {
    redis: app.redis,
    nameSpace: RATE_PREFIX,
    skipOnError: true,
    enableDraftSpec: true,
    timeWindow: 60_000,
    keyGenerator: (req: FastifyRequest) => req.identified?.keyId ?? normalizeIP(req.ip),
    max: (req: FastifyRequest) => (req.identified === null ? options.anonymousMax : options.max),
    errorResponseBuilder: (_req, { max, ttl }) =>
      new Problem(
        429,
        "rate_limited",
        `More than ${max} requests a minute; try again in ${Math.ceil(ttl / 1000)} s.`,
      ),
  })
})
