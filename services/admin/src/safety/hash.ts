/**
 * Writes a 64-bit hash of the text at `at`: two lanes of the byte step of xxHash32 (each with other primes and turns), each mixed by
 * the finaliser of MurmurHash3. A hash function of node:crypto costs 20 times as much for a short text.
 */
export function writeHash(words: Uint32Array, at: number, text: string, seed: number): void {
  let a = seed ^ text.length
  let b = ~seed
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    a = Math.imul(rotate(a + Math.imul(unit, 0x165667b1), 11), 0x9e3779b1)
    b = Math.imul(rotate(b ^ Math.imul(unit, 0xc2b2ae3d), 13), 0x27d4eb2f)
  }
  words[at] = mixed(a)
  words[at + 1] = mixed(b)
}

const rotate = (word: number, bits: number) => (word << bits) | (word >>> (32 - bits))

function mixed(word: number): number {
  let mixed = word
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}
