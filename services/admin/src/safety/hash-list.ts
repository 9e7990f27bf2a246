import { writeHash } from "./hash.ts"

/*
 * Texts as sorted 64-bit hashes, 8 bytes each. A text that was never added is found with a probability of entries / 2^64 (20 million
 * entries: 1e-12), a different one in each process by the seed. The hash is not cryptographic: who can write into a feed might prepare a
 * text whose hash is that of some host, but can list the host as well.
 */

const GROWTH_BYTES = 8 * 2 ** 20

/** Gathers at most `entriesMax` texts. */
export function createHashList(entriesMax: number, seed: number) {
  // Grows in place, so that the list is never in memory twice.
  const buffer = new ArrayBuffer(0, { maxByteLength: entriesMax * 8 })
  const words = new Uint32Array(buffer)
  let count = 0
  return {
    /** False when there is no room left. */
    add(text: string): boolean {
      if (count === entriesMax) return false
      if (words.length === count * 2) {
        buffer.resize(Math.min(buffer.byteLength + GROWTH_BYTES, buffer.maxByteLength))
      }
      writeHash(words, count * 2, text, seed)
      count++
      return true
    },
    /** The hashes in order, each once. Nothing can be added any more. */
    seal(): BigUint64Array<ArrayBuffer> {
      buffer.resize(count * 8)
      const hashes = new BigUint64Array(buffer).sort()
      buffer.resize(dropRepeated(hashes) * 8)
      return hashes
    },
  }
}

/** Moves the different ones of sorted hashes to the front and says how many they are. */
function dropRepeated(hashes: BigUint64Array): number {
  let kept = 0
  for (const hash of hashes) {
    if (kept === 0 || hash !== hashes[kept - 1]) hashes[kept++] = hash
  }
  return kept
}

export function hasText(hashes: BigUint64Array, text: string, seed: number): boolean {
  const wanted = hashOf(text, seed)
  let low = 0
  let high = hashes.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((hashes[middle] ?? 0n) < wanted) low = middle + 1
    else high = middle
  }
  return hashes[low] === wanted
}

function hashOf(text: string, seed: number): bigint {
  const words = new Uint32Array(2)
  writeHash(words, 0, text, seed)
  return new BigUint64Array(words.buffer)[0] ?? 0n
}
