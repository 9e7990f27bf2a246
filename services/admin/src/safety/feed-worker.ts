import { parentPort, workerData } from "node:worker_threads"
import { type FeedTask, readFeed } from "./feed.ts"

/* Reads one feed on a thread of its own: millions of lines take seconds. */

const feed = await readFeed(workerData as FeedTask)
parentPort?.postMessage(feed, [feed.hashes.buffer])
