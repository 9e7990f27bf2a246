import { randomFillSync } from "node:crypto"

const TOKEN_BYTES = 8

/** 64 random bits each, in base64url. Taken from the system for many at once, as asking it takes longer than to make a page. */
export function createGuideTokens(): () => string {
  const pool = Buffer.alloc(512 * TOKEN_BYTES)
  let at = pool.length
  return () => {
    if (at === pool.length) {
      randomFillSync(pool)
      at = 0
    }
    at += TOKEN_BYTES
    return pool.toString("base64url", at - TOKEN_BYTES, at)
  }
}
