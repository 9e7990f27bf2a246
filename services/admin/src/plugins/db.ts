import type { FastifyInstance } from "fastify"
import fp from "fastify-plugin"
import { connectDb, type Db } from "../db/connect.ts"

declare module "fastify" {
  interface FastifyInstance {
    db: Db
  }
}

export const db = fp(async (app: FastifyInstance, options: { url: string; poolMax: number }) => {
  const db = connectDb(options.url, options.poolMax, (err) =>
    app.log.warn({ err }, "idle database connection lost"),
  )
  app.decorate("db", db)
  app.addHook("onClose", () => db.destroy())
})
