import { openPlaces, type PlaceOf } from "@qiao/core/place.ts"
import type { FastifyInstance } from "fastify"
import fp from "fastify-plugin"

declare module "fastify" {
  interface FastifyInstance {
    /** Where an address is. */
    placeOf: PlaceOf
  }
}

export const places = fp(async (app: FastifyInstance, options: { databases: string[] }) => {
  app.decorate("placeOf", openPlaces(options.databases))
})
