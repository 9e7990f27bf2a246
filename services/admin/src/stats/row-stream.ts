import { Readable } from "node:stream"

/**
 * The pieces of a long answer, each made when the reader has taken the one before. A reader that takes nothing for `stallMaxMs` is given up,
 * and so are the pieces when the reader goes away.
 */
export function createRowStream(pieces: AsyncIterable<string>, stallMaxMs: number): Readable {
  let stalling: NodeJS.Timeout | undefined
  async function* paced() {
    for await (const piece of pieces) {
      stalling = setTimeout(() => stream.destroy(new Error("the reader takes nothing")), stallMaxMs)
      yield piece
      clearTimeout(stalling)
    }
  }
  const stream = Readable.from(paced(), { objectMode: true, highWaterMark: 1 })
  stream.on("close", () => clearTimeout(stalling))
  return stream
}
