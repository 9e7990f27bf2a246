import { existsSync } from "node:fs"
import { SYNTHETIC_HOURS_MAX, syntheticValue } from "../packages/core/src/synthetic.ts"
import { keptSecret } from "./lib/files.ts"
import { exitWith, PlainError } from "./lib/plain-error.ts"
import { dataFolder, syntheticSecretFile } from "./lib/up-config.ts"

const usage = `usage: synthetic-header [hours]   (1 to ${SYNTHETIC_HOURS_MAX}, 24 if not said)`

async function main() {
  const [hours = "24", ...rest] = process.argv.slice(2)
  const isHours = /^\d{1,3}$/.test(hours) && Number(hours) >= 1 && Number(hours) <= SYNTHETIC_HOURS_MAX
  if (!isHours || rest.length > 0) throw new PlainError(usage)
  const expiresSeconds = Math.floor(Date.now() / 1_000) + Number(hours) * 3_600
  console.log(`Qiao-Synthetic: ${syntheticValue(await secret(), expiresSeconds)}`)
}

async function secret() {
  if (process.env.SYNTHETIC_SECRET) return process.env.SYNTHETIC_SECRET
  const file = syntheticSecretFile(dataFolder(process.env))
  if (!existsSync(file)) throw new PlainError("set SYNTHETIC_SECRET, or start ./scripts/up")
  return keptSecret(file)
}

await main().catch(exitWith)
