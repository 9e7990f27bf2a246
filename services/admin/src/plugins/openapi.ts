import swagger, { type SwaggerTransform } from "@fastify/swagger"
import swaggerUi from "@fastify/swagger-ui"
import type { FastifyInstance } from "fastify"
import fp from "fastify-plugin"
import { jsonSchemaTransform, jsonSchemaTransformObject } from "fastify-type-provider-zod"

/** OpenAPI 3.1 from the routes' own schemas at `/v1/openapi.json`, and a page to read it at `/docs`. Registered before the routes. */
export const openapi = fp(async (app: FastifyInstance) => {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: "Qiao admin API", version: "1", license: { name: "MIT", identifier: "MIT" } },
      components: { securitySchemes: { key: { type: "http", scheme: "bearer" } } },
      security: [{ key: [] }],
    },
    transform,
    transformObject: jsonSchemaTransformObject,
  })
  await app.register(swaggerUi, {
    routePrefix: "/docs",
    staticCSP: true,
    theme: {
      title: "Qiao admin API",
      css: [{ filename: "qiao.css", content: ".swagger-ui .topbar { display: none }" }],
    },
  })
  app.get("/v1/openapi.json", { schema: { hide: true } }, () => app.swagger())
})

const HEADERS = {
  "Idempotency-Key": "The same key and request give the first answer again, for 24 hours",
  "If-Match": "The `ETag` that must still be current, else 412",
}

/** Groups the calls by their resource (`/v1/links/{id}` belongs to `links`) and adds the headers that all writes take. */
const transform: SwaggerTransform = (route) => {
  const { schema, url } = jsonSchemaTransform(route)
  const resource = /^\/v1\/([a-z-]+)/.exec(url)?.[1]
  if (resource === undefined) return { url, schema }
  return { url, schema: { ...schema, tags: [resource], ...headersOf(String(route.route.method), resource) } }
}

function headersOf(method: string, resource: string) {
  // What is done to a dead letter can be done twice.
  if (resource === "dead-letters") return {}
  const names = [
    ...(method !== "GET" && resource !== "keys" ? (["Idempotency-Key"] as const) : []),
    ...(["PATCH", "PUT", "DELETE"].includes(method) && resource !== "bans" ? (["If-Match"] as const) : []),
  ]
  if (names.length === 0) return {}
  const properties = names.map((name) => [name, { type: "string", description: HEADERS[name] }])
  return { headers: { type: "object", properties: Object.fromEntries(properties) } }
}
