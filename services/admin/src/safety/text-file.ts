import { createReadStream } from "node:fs"
import { open } from "node:fs/promises"
import { pipeline, type Readable } from "node:stream"
import { createGunzip } from "node:zlib"

/** The longest url a link may have is a quarter of this. */
const LINE_LENGTH_MAX = 16_384
const GZIP_MAGIC = 0x1f8b

/** The lines of a UTF-8 file, gzipped or not, in batches. What a line has beyond its longest is of no use and not kept. */
export async function* lineBatches(path: string): AsyncGenerator<string[]> {
  let rest = ""
  for await (const text of await textOf(path)) {
    const lines: string[] = (rest + text).split("\n")
    rest = (lines.pop() ?? "").slice(0, LINE_LENGTH_MAX)
    yield lines
  }
  if (rest !== "") yield [rest]
}

async function textOf(path: string): Promise<Readable> {
  const bytes = createReadStream(path)
  // A failure of either destroys both and reaches who reads.
  const text = (await isGzip(path)) ? pipeline(bytes, createGunzip(), () => {}) : bytes
  return text.setEncoding("utf8")
}

async function isGzip(path: string): Promise<boolean> {
  await using file = await open(path)
  const start = new DataView(new ArrayBuffer(2))
  await file.read(start, { length: 2, position: 0 })
  return start.getUint16(0) === GZIP_MAGIC
}
