import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod"
import type { VisitLimits } from "../stats/counts.ts"
import { guideRateRoutes } from "./stats/guide-rate.ts"
import { orphansRoutes } from "./stats/orphans.ts"
import { topRoutes } from "./stats/top.ts"
import { uniquesRoutes } from "./stats/uniques.ts"
import { visitsRoutes } from "./stats/visits.ts"

/** What is told of visits from counts. */
export const statsRoutes: FastifyPluginAsyncZod<VisitLimits> = async (app, limits) => {
  await app.register(visitsRoutes, limits)
  await app.register(topRoutes, limits)
  await app.register(uniquesRoutes)
  await app.register(guideRateRoutes)
  await app.register(orphansRoutes)
}
