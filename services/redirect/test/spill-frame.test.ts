import t from "tap"
import { encodeFrame, readFrames, type SealedBatch } from "../src/spill-frame.ts"

const batches: SealedBatch[] = [
  { sealed: '{"v":3,"first":"桥"}', visits: 3, partition: 2 },
  { sealed: "x", visits: 0, partition: 0 },
  { sealed: `"${"third".repeat(10)}"`, visits: 100_000, partition: 65_535 },
]
const frames = batches.map(encodeFrame)
const segment = Buffer.concat(frames)
/** Where each frame ends. */
const ends = frames.map((_, i) => Buffer.concat(frames.slice(0, i + 1)).length)

const textOf = (read: SealedBatch[]) =>
  read.map(({ sealed, visits, partition }) => `${visits} ${partition} ${sealed}`)

t.test("frames come back byte for byte, also when they are written once more", async (t) => {
  const read = readFrames(segment)
  t.equal(read.end, "whole")
  t.same(textOf(read.batches), textOf(batches))
  t.same(Buffer.concat(read.batches.map(encodeFrame)), segment)
  t.same(readFrames(Buffer.alloc(0)), { batches: [], end: "whole" })
})

t.test("cut at any byte, a segment gives every frame that is whole, and says that it is torn", async (t) => {
  for (let length = 0; length < segment.length; length++) {
    const { batches: read, end } = readFrames(segment.subarray(0, length))
    const whole = ends.filter((at) => at <= length).length
    const isBetweenFrames = length === 0 || ends.includes(length)
    if (read.length !== whole || end !== (isBetweenFrames ? "whole" : "torn")) {
      t.fail(`cut at ${length}: ${read.length} frames, ${end}`)
    }
  }
})

t.test("with any bit flipped, no frame is read that was not written, and those before it are", async (t) => {
  const texts = textOf(batches)
  for (let bit = 0; bit < segment.length * 8; bit++) {
    const at = bit >> 3
    const flipped = Buffer.from(segment)
    flipped.writeUInt8(flipped.readUInt8(at) ^ (1 << (bit & 7)), at)
    const { batches: read, end } = readFrames(flipped)
    const before = ends.filter((frameEnd) => frameEnd <= at).length
    const isLast = before === batches.length - 1
    const isExpectedEnd = end === "corrupt" || (isLast && end === "torn")
    if (!isExpectedEnd || textOf(read).join() !== texts.slice(0, before).join()) {
      t.fail(`bit ${bit}: ${read.length} frames, ${end}`)
    }
  }
})

t.test("zeros, which a file system may leave after a crash, are no frames", async (t) => {
  t.match(readFrames(Buffer.alloc(5_000)), { batches: [], end: "corrupt" })
  t.match(readFrames(Buffer.concat([segment, Buffer.alloc(100)])), { batches: { length: 3 }, end: "corrupt" })
})
