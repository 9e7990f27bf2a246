import { type ScryptOptions, scrypt, timingSafeEqual } from "node:crypto"

/**
 * Node's own defaults: 16 MB and about 50 ms of one core. Visitors of a campaign come together and wait for it, which is why it is not
 * OWASP's p = 5 (220 ms); who guesses at an edge is stopped by counting.
 */
const LOG2_COST = 14
const OPTIONS: ScryptOptions = { N: 2 ** LOG2_COST, r: 8, p: 1 }
const KEY_SIZE_BYTES = 32
const PREFIX = `$scrypt$ln=${LOG2_COST},r=8,p=1$`

/** The PHC string of a password; `salt` is 16 bytes. */
export async function hashPassword(password: string, salt: Buffer): Promise<string> {
  const key = await derive(password, salt)
  return `${PREFIX}${salt.toString("base64url")}$${key.toString("base64url")}`
}

/** Throws on a hash that `hashPassword` did not make. */
export async function verifyPassword(password: string, hash: string): Promise<boolean> {
  if (!hash.startsWith(PREFIX)) throw new Error("not a password hash")
  const [salt = "", key = ""] = hash.slice(PREFIX.length).split("$")
  const wanted = Buffer.from(key, "base64url")
  return timingSafeEqual(await derive(password, Buffer.from(salt, "base64url")), wanted)
}

/** In NFC, as keyboards differ in how they put characters together. */
function derive(password: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password.normalize("NFC"), salt, KEY_SIZE_BYTES, OPTIONS, (err, key) =>
      err === null ? resolve(key) : reject(err),
    )
  })
}
