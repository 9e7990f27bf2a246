import { readdir, rmdir } from "node:fs/promises"
import { takeLock } from "./spill-lock.ts"
import { listSegments, type Segment } from "./spill-segment.ts"

/** Folders of other workers of the instance, in that of the first one. */
const WORKER = /^worker-\d+$/

/**
 * Passes on the segments of workers that are no more, as there are fewer now, or that are yet to come back: `take` moves them to another
 * folder. Who holds its folder is left alone. What was set aside stays. A folder that cannot be used keeps no other from being taken;
 * throws an AggregateError at the end.
 */
export async function takeStrays(
  folder: string,
  newId: () => string,
  take: (segment: Segment) => Promise<void>,
): Promise<void> {
  const failures: unknown[] = []
  for (const name of (await readdir(folder)).filter((file) => WORKER.test(file))) {
    await takeStray(`${folder}/${name}`, newId(), take).catch((err) => failures.push(err))
  }
  if (failures.length > 0)
    throw new AggregateError(failures, "some folders of workers could not be taken over")
}

async function takeStray(
  stray: string,
  id: string,
  take: (segment: Segment) => Promise<void>,
): Promise<void> {
  const lock = await takeLock(stray, id)
  if (lock === null) return
  try {
    for (const segment of (await listSegments(stray)).segments) await take(segment)
  } finally {
    await lock.release()
  }
  await rmdir(stray).catch(() => {}) // Not empty, so it stays.
}
