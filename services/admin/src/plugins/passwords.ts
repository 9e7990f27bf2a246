import type { FastifyInstance } from "fastify"
import fp from "fastify-plugin"
import { createPasswordHasher, type HashPassword } from "../passwords.ts"

declare module "fastify" {
  interface FastifyInstance {
    hashPassword: HashPassword
  }
}

/** At 50 ms a hash the last one waits for about a second. */
const LIMITS = { runningMax: 2, waitingMax: 40 }

export const passwords = fp(async (app: FastifyInstance) => {
  app.decorate("hashPassword", createPasswordHasher(LIMITS))
})
