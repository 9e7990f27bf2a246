import { entriesOf } from "./feed-line.ts"
import { createHashList } from "./hash-list.ts"
import { listingOf } from "./listing.ts"
import { lineBatches } from "./text-file.ts"

export type FeedTask = { path: string; entriesMax: number; seed: number }

export type FeedCounts = {
  /** Entries that would block far too much, ignored. */
  tooBroad: number
  /** Lines that were not understood, and the number of the first. */
  unreadable: number
  firstUnreadable: number | null
  /** Entries beyond `entriesMax`, for which repeated ones count until the file is read. */
  dropped: number
}

export type Feed = { hashes: BigUint64Array<ArrayBuffer>; counts: FeedCounts }

/** Reads a file of hosts and urls to block. Throws when it cannot be read or is something else, by having more unreadable lines than entries. */
export async function readFeed({ path, entriesMax, seed }: FeedTask): Promise<Feed> {
  const list = createHashList(entriesMax, seed)
  const counts: FeedCounts = { tooBroad: 0, unreadable: 0, firstUnreadable: null, dropped: 0 }
  let lineNumber = 0
  let entries = 0
  for await (const lines of lineBatches(path)) {
    for (const line of lines) {
      lineNumber++
      for (const listing of listingsOf(line)) {
        if (listing.kind === "unreadable") {
          counts.unreadable++
          counts.firstUnreadable ??= lineNumber
        } else {
          entries++
          if (listing.kind === "too_broad") counts.tooBroad++
          else if (!list.add(listing.key)) counts.dropped++
        }
      }
    }
  }
  if (counts.unreadable > entries) {
    throw new Error(`it is no list of hosts or urls: ${counts.unreadable} lines are neither`)
  }
  return { hashes: list.seal(), counts }
}

function listingsOf(line: string) {
  return entriesOf(line)?.map(listingOf) ?? [{ kind: "unreadable" } as const]
}
