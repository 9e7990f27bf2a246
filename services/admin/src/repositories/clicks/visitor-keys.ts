import pg from "pg"
import { LOCKS } from "../../db/locks.ts"

/**
 * Until the transaction ends, no other ingest counts. Nearly all of them would wait for each other's rows anyway; so they wait at one
 * place, and who is new can be asked before it is written, which takes half as long as leaving it to ON CONFLICT.
 */
export async function lockCounting(client: pg.ClientBase): Promise<void> {
  await client.query({
    name: "lock-counting",
    text: "select pg_advisory_xact_lock($1)",
    values: [LOCKS.counting],
  })
}

/** Remembers who was there on a day, for whoever holds the counting; answers with those who were not there before. */
export async function addVisitorKeys(
  client: pg.ClientBase,
  day: string,
  keys: Iterable<bigint>,
): Promise<BigInt64Array> {
  const wanted = BigInt64Array.from(keys).sort()
  const { rows } = await client.query<{ known: Buffer | null }>({
    name: "find-visitor-keys",
    text: "select array_send(array_agg(key)) as known from visitor_keys where day = $1 and key = any($2::bigint[])",
    values: [day, packed(wanted)],
  })
  const fresh = without(wanted, unpacked(rows[0]?.known ?? null).sort())
  if (fresh.length > 0) {
    await client.query({
      name: "add-visitor-keys",
      text: "insert into visitor_keys (day, key) select $1::date, unnest($2::bigint[])",
      values: [day, packed(fresh)],
    })
  }
  return fresh
}

/** The keys that are not known, of sorted ones. */
function without(keys: BigInt64Array, known: BigInt64Array): BigInt64Array {
  let next = 0
  return keys.filter((key) => {
    if (key !== known[next]) return true
    next++
    return false
  })
}

/*
 * Arrays in the binary form of Postgres: dimensions, a flag for nulls, the type of the elements, how many there are and the number of
 * the first, then each with its length. Keys are many: to write one takes 0.07 µs, and 0.5 µs as text.
 */
const HEAD_BYTES = 20
const ELEMENT_BYTES = 12

function packed(keys: BigInt64Array): Buffer {
  const bytes = Buffer.alloc(HEAD_BYTES + ELEMENT_BYTES * keys.length)
  const head = [1, 0, pg.types.builtins.INT8, keys.length, 1]
  for (const [i, number] of head.entries()) bytes.writeInt32BE(number, 4 * i)
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  let at = HEAD_BYTES
  for (const key of keys) {
    view.setInt32(at, 8)
    view.setBigInt64(at + 4, key)
    at += ELEMENT_BYTES
  }
  return bytes
}

function unpacked(bytes: Buffer | null): BigInt64Array {
  if (bytes === null) return new BigInt64Array()
  const keys = new BigInt64Array((bytes.length - HEAD_BYTES) / ELEMENT_BYTES)
  return keys.map((_, i) => bytes.readBigInt64BE(HEAD_BYTES + ELEMENT_BYTES * i + 4))
}
