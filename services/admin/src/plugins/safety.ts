import { randomBytes } from "node:crypto"
import type { FastifyInstance } from "fastify"
import fp from "fastify-plugin"
import { KNOWN_APP_SCHEMES } from "../links/app-schemes.ts"
import { createSafety, type Safety, type SafetyOptions } from "../safety/safety.ts"

declare module "fastify" {
  interface FastifyInstance {
    safety: Safety
    /** Apps' own schemes that rules may lead to. */
    appSchemes: ReadonlySet<string>
  }
}

type Options = Omit<SafetyOptions, "seed" | "log"> & { appSchemes: string[] }

/** What links may lead to. Its lists follow their files until the app closes. */
export const safety = fp(async (app: FastifyInstance, { appSchemes, ...options }: Options) => {
  const seed = randomBytes(4).readUInt32LE()
  const safety = await createSafety({ ...options, seed, log: app.log })
  app.decorate("safety", safety)
  app.decorate("appSchemes", new Set([...KNOWN_APP_SCHEMES, ...appSchemes]))
  app.addHook("onClose", () => safety.close())
})
