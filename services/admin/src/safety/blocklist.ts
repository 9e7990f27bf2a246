import { once } from "node:events"
import { Worker } from "node:worker_threads"
import type { Logger } from "pino"
import type { Feed, FeedTask } from "./feed.ts"
import { type FollowedFile, followFile } from "./followed-file.ts"
import { hasText } from "./hash-list.ts"
import { keysOf } from "./listing.ts"

export type BlocklistOptions = {
  /** Paths of feeds, in any of the formats of `entriesOf`, gzipped or not. */
  files: string[]
  /** Entries of all files together, 8 bytes each. What is beyond is dropped. */
  entriesMax: number
  seed: number
  log: Pick<Logger, "info" | "warn">
  signal: AbortSignal
}

export type Blocklist = {
  /** The file that lists the url or its host, null when none does. */
  fileListing(url: URL): string | null
  refresh(): Promise<void>
}

/** Heap of a reading thread; the entries themselves are outside of it. */
const WORKER_HEAP_MB = 128

/** Reads the files one after the other, so that never more than one of them is in memory twice. */
export async function openBlocklist(options: BlocklistOptions): Promise<Blocklist> {
  const { files, entriesMax, seed, log, signal } = options
  const feeds = new Map<string, FollowedFile<Feed>>()

  const read = async (path: string): Promise<Feed> => {
    let room = entriesMax
    for (const [other, feed] of feeds) if (other !== path) room -= feed.value().hashes.length
    const feed = await readOnThread({ path, entriesMax: room, seed }, signal)
    report(path, feed, log)
    return feed
  }

  for (const path of files) {
    feeds.set(path, await followFile(path, () => read(path), { log, signal }))
  }
  return {
    fileListing(url) {
      const keys = keysOf(url)
      for (const [path, feed] of feeds) {
        if (keys.some((key) => hasText(feed.value().hashes, key, seed))) return path
      }
      return null
    },
    async refresh() {
      for (const feed of feeds.values()) await feed.refresh()
    },
  }
}

async function readOnThread(task: FeedTask, signal: AbortSignal): Promise<Feed> {
  const worker = new Worker(new URL("./feed-worker.ts", import.meta.url), {
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_MB },
  })
  try {
    const [feed] = await once(worker, "message", { signal })
    return feed as Feed
  } finally {
    await worker.terminate()
  }
}

function report(file: string, { hashes, counts }: Feed, log: BlocklistOptions["log"]): void {
  const seen = { file, entries: hashes.length, ...counts }
  log.info(seen, "blocklist read")
  if (counts.unreadable > 0) log.warn(seen, "lines of a blocklist are not understood and were left out")
  if (counts.dropped > 0) log.warn(seen, "the blocklists have more entries than there is room for")
}
