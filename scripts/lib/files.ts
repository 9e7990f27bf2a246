import { randomBytes } from "node:crypto"
import { existsSync } from "node:fs"
import { readFile, rename, writeFile } from "node:fs/promises"

/** Readers see the old content or the new, never half, and only the owner sees either. */
export async function writePrivately(path: string, content: string) {
  const draft = `${path}.${process.pid}.tmp`
  await writeFile(draft, content, { mode: 0o600, flush: true })
  await rename(draft, path)
}

/** The random secret kept in the file, made at the first call; hex, so it fits any url or config file. */
export async function keptSecret(path: string) {
  if (!existsSync(path)) await writePrivately(path, randomBytes(24).toString("hex"))
  return readFile(path, "utf8")
}

/** The JSON in the file, or undefined when it is missing or damaged. */
export async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"))
  } catch {
    return undefined
  }
}
