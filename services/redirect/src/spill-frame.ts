import { crc32 } from "node:zlib"

/** A batch as it was sealed. It goes to the stream of `partition`, however often and from wherever it is sent. */
export type SealedBatch = { sealed: string | Buffer; visits: number; partition: number }

/*
 * A segment file is frames, one behind the other:
 *
 *   u32 length of the payload · u32 CRC-32 of it · payload: u32 visits · u32 partition · the sealed batch
 *
 * all little-endian.
 */
const FRAME_HEAD = 8
const PAYLOAD_HEAD = 8

export function encodeFrame({ sealed, visits, partition }: SealedBatch): Buffer {
  const length = PAYLOAD_HEAD + Buffer.byteLength(sealed)
  const frame = Buffer.allocUnsafe(FRAME_HEAD + length)
  frame.writeUInt32LE(length, 0)
  frame.writeUInt32LE(visits, FRAME_HEAD)
  frame.writeUInt32LE(partition, FRAME_HEAD + 4)
  if (typeof sealed === "string") frame.write(sealed, FRAME_HEAD + PAYLOAD_HEAD)
  else sealed.copy(frame, FRAME_HEAD + PAYLOAD_HEAD)
  frame.writeUInt32LE(crc32(frame.subarray(FRAME_HEAD)), 4)
  return frame
}

/**
 * How a segment ends. `torn`: in the beginning of a frame, as a crash leaves it; that frame never counted as written. `corrupt`: in
 * bytes that were changed afterwards, and what follows them cannot be trusted.
 */
export type SegmentEnd = "whole" | "torn" | "corrupt"

/** The batches of a segment up to where it can be read; they share its memory. */
export function readFrames(segment: Buffer): { batches: SealedBatch[]; end: SegmentEnd } {
  const batches: SealedBatch[] = []
  let at = 0
  for (let payload = payloadAt(segment, at); payload !== null; payload = payloadAt(segment, at)) {
    batches.push({
      visits: payload.readUInt32LE(0),
      partition: payload.readUInt32LE(4),
      sealed: payload.subarray(PAYLOAD_HEAD),
    })
    at += FRAME_HEAD + payload.length
  }
  const isTorn = endOfFrame(segment, at) > segment.length && !holdsFrame(segment, at + 1)
  return { batches, end: at === segment.length ? "whole" : isTorn ? "torn" : "corrupt" }
}

function payloadAt(segment: Buffer, at: number): Buffer | null {
  const end = endOfFrame(segment, at)
  if (end > segment.length || end < at + FRAME_HEAD + PAYLOAD_HEAD) return null
  const payload = segment.subarray(at + FRAME_HEAD, end)
  return crc32(payload) === segment.readUInt32LE(at + 4) ? payload : null
}

function endOfFrame(segment: Buffer, at: number): number {
  const isHeadWhole = at + FRAME_HEAD <= segment.length
  return isHeadWhole ? at + FRAME_HEAD + segment.readUInt32LE(at) : Number.POSITIVE_INFINITY
}

/** Behind a torn frame there is nothing; behind a length that was changed there are frames. */
function holdsFrame(segment: Buffer, from: number): boolean {
  for (let at = from; at + FRAME_HEAD < segment.length; at++) if (payloadAt(segment, at) !== null) return true
  return false
}
