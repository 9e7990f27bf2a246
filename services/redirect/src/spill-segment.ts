import { type FileHandle, open, readdir, readFile, rename, rm, stat } from "node:fs/promises"
import { readFrames, type SealedBatch, type SegmentEnd } from "./spill-frame.ts"

/**
 * A file of frames. `bytes` and `visits` are what counts of it; a segment that a former process left counts with all of its bytes and no
 * visits, as nobody of this process made them.
 */
export type Segment = { path: string; bytes: number; visits: number; isOwn: boolean }

export type OpenSegment = { segment: Segment; handle: FileHandle }

const SEGMENT = /^\d{12}\.segment$/
/** Segments, and those that were set aside: no number is given twice. */
const NUMBERED = /^(\d{12})\.segment/
const ASIDE = ".corrupt"

/** What former processes left, oldest first; what they set aside counts by its bytes alone. */
export type Listed = { segments: Segment[]; asideBytes: number; lastNumber: number }

export async function listSegments(folder: string): Promise<Listed> {
  const listed: Listed = { segments: [], asideBytes: 0, lastNumber: 0 }
  for (const file of (await readdir(folder)).sort()) {
    const number = NUMBERED.exec(file)?.[1]
    if (number === undefined) continue
    const path = `${folder}/${file}`
    const bytes = (await stat(path)).size
    listed.lastNumber = Math.max(listed.lastNumber, Number(number))
    if (SEGMENT.test(file)) listed.segments.push({ path, bytes, visits: 0, isOwn: false })
    else listed.asideBytes += bytes
  }
  return listed
}

/** For the owner's eyes alone: visits have the addresses of visitors. */
export async function createSegment(folder: string, number: number): Promise<OpenSegment> {
  const path = pathOf(folder, number)
  const handle = await open(path, "wx", 0o600)
  return { segment: { path, bytes: 0, visits: 0, isOwn: true }, handle }
}

/** Moves a segment that nobody writes any more. */
export async function moveSegment(segment: Segment, folder: string, number: number): Promise<Segment> {
  const path = pathOf(folder, number)
  await rename(segment.path, path)
  return { ...segment, path }
}

function pathOf(folder: string, number: number): string {
  return `${folder}/${String(number).padStart(12, "0")}.segment`
}

/** So that a file made in it is still there after the machine went down. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r")
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** On the disk when this resolves, for the machine may go down as well. */
export async function appendFrames({ handle, segment }: OpenSegment, frames: Buffer[], visits: number) {
  const bytes = Buffer.concat(frames)
  await handle.appendFile(bytes)
  await handle.datasync()
  segment.bytes += bytes.length
  segment.visits += visits
}

/** Cuts off what a failed write left, as far as the disk lets it. */
export async function cutAndClose({ handle, segment }: OpenSegment): Promise<void> {
  await handle.truncate(segment.bytes).catch(() => {})
  await handle.close().catch(() => {})
}

/** What the process or the machine has too little of for now. */
const SCARCITIES = new Set(["EMFILE", "ENFILE", "ENOMEM"])

/**
 * Null while it cannot be read for want of something. One that can never be read is as good as corrupt; of one that somebody removed
 * nothing is left to keep.
 */
export async function readSegment({
  path,
  bytes,
}: Segment): Promise<{ batches: SealedBatch[]; end: SegmentEnd } | null> {
  try {
    return readFrames((await readFile(path)).subarray(0, bytes))
  } catch (err) {
    const code = err instanceof Error && "code" in err ? String(err.code) : ""
    if (SCARCITIES.has(code)) return null
    return { batches: [], end: code === "ENOENT" ? "whole" : "corrupt" }
  }
}

/** Resolves to false when it is still there, and comes again with the next process. */
export function removeSegment({ path }: Segment): Promise<boolean> {
  return rm(path, { force: true }).then(
    () => true,
    () => false,
  )
}

/** Keeps what could not be read for whoever can; where that fails it stays what it is, and comes again with the next process. */
export async function setAside({ path }: Segment): Promise<void> {
  await rename(path, path + ASIDE).catch(() => {})
}
