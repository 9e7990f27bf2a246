import type { FastifyInstance } from "fastify"
import fp from "fastify-plugin"
import { serializerCompiler } from "fastify-type-provider-zod"
import type { z } from "zod"
import { invalid, problemItems } from "../problem.ts"

const PLACES = { querystring: "query", params: "path", headers: "header" } as const

/** Every part of a request goes through its zod schema; all that is wrong in it is named at once. */
export const validation = fp(async (app: FastifyInstance) => {
  app.setSerializerCompiler(serializerCompiler)
  app.setValidatorCompiler<z.ZodType>(({ schema, httpPart }) => {
    const place = httpPart === "body" ? undefined : PLACES[httpPart as keyof typeof PLACES]
    return (data) => {
      const parsed = schema.safeParse(data)
      if (parsed.success) return { value: parsed.data }
      const items = problemItems(parsed.error)
      return { error: invalid(place === undefined ? items : items.map((item) => ({ in: place, ...item }))) }
    }
  })
})
