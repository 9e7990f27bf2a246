import { readdir, rmdir } from "node:fs/promises"
import { takeLock } from "./spill-lock.ts"
import { listSegments, type Segment } from "./spill-segment.ts"

/** Folders of other workers of the instance, in that of the first one. */
const WORKER = /^worker-\d+$/

/**
 * Passes on the segments of workers that are no more, as there are fewer now, or that are yet to come back: `take` moves them to another
 * folder. Who holds its folder is left alone. What was set aside stays.
 */
export async function takeStrays(
  folder: string,
  newId: () => string,
  take: (segment: Segment) => Promise<void>,
): Promise<void> {
  for (const name of (await readdir(folder)).filter((file) => WORKER.test(file))) {
    const stray = `${folder}/${name}`
    const lock = await takeLock(stray, newId())
    if (lock === null) continue
    try {
      for (const segment of (await listSegments(stray)).segments) await take(segment)
    } finally {
      await lock.release()
    }
    await rmdir(stray).catch(() => {}) // Not empty, so it stays.
  }
}
