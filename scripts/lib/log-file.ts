import { closeSync, existsSync, openSync, statSync } from "node:fs"
import { copyFile, mkdir, readFile, rename, truncate } from "node:fs/promises"
import { dirname } from "node:path"

const sizeBytesMax = 20 * 1024 * 1024
const checkIntervalMs = 10_000

export type LogFile = { path: string; fd: number; close(): void }

/**
 * A file that processes write to by themselves, so their last words survive whoever started them.
 * The previous run's and whatever is over the size limit is kept once, as `<path>.1`.
 * Emptying it under its writers works because all of them append.
 */
export async function openLog(path: string): Promise<LogFile> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 })
  if (existsSync(path)) await rename(path, `${path}.1`)
  const fd = openSync(path, "a", 0o600)
  const timer = setInterval(() => shorten(path).catch(() => undefined), checkIntervalMs)
  timer.unref()
  return {
    path,
    fd,
    close() {
      clearInterval(timer)
      closeSync(fd)
    },
  }
}

async function shorten(path: string) {
  if (statSync(path).size < sizeBytesMax) return
  await copyFile(path, `${path}.1`)
  await truncate(path)
}

export async function lastLines(path: string, count = 15) {
  const text = await readFile(path, "utf8").catch(() => "")
  return text.trimEnd().split("\n").slice(-count).join("\n")
}
