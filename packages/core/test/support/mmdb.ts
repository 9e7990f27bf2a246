/** Text, numbers and maps: what the records of a database are made of here. */
type Value = string | number | { [key: string]: Value }

const RECORD_BITS = 24
const SEPARATOR_BYTES = 16

/** A database in MaxMind's format (IPv4); `records` are by network, `203.0.113.0/24`, none inside another. */
export function mmdbOf(records: Record<string, Value>): Buffer {
  const nodes: [left: number | null, right: number | null][] = [[null, null]]
  const leaves: { node: number; side: 0 | 1; offset: number }[] = []
  const data: Buffer[] = []
  for (const [network, record] of Object.entries(records)) {
    const [address = "", length] = network.split("/")
    const bits = address.split(".").flatMap((byte) => [...Number(byte).toString(2).padStart(8, "0")])
    let node = 0
    for (const [depth, bit] of bits.slice(0, Number(length)).entries()) {
      const side = bit === "1" ? 1 : 0
      if (depth === Number(length) - 1) leaves.push({ node, side, offset: Buffer.concat(data).length })
      else node = child(nodes, node, side)
    }
    data.push(encode(record))
  }
  const tree = Buffer.alloc((nodes.length * RECORD_BITS * 2) / 8)
  const write = (node: number, side: number, value: number) => tree.writeUIntBE(value, node * 6 + side * 3, 3)
  for (const [node, sides] of nodes.entries()) {
    for (const [side, next] of sides.entries()) write(node, side, next ?? nodes.length)
  }
  for (const { node, side, offset } of leaves) write(node, side, nodes.length + SEPARATOR_BYTES + offset)
  const metadata = encode({
    ...{ node_count: nodes.length, record_size: RECORD_BITS, ip_version: 4, build_epoch: 0 },
    ...{ binary_format_major_version: 2, binary_format_minor_version: 0, database_type: "test" },
  })
  const marker = Buffer.from("abcdef4d61784d696e642e636f6d", "hex")
  return Buffer.concat([tree, Buffer.alloc(SEPARATOR_BYTES), ...data, marker, metadata])
}

function child(nodes: [number | null, number | null][], node: number, side: 0 | 1): number {
  const sides = nodes[node] ?? [null, null]
  const known = sides[side]
  if (known !== null) return known
  nodes.push([null, null])
  sides[side] = nodes.length - 1
  return nodes.length - 1
}

function encode(value: Value): Buffer {
  if (typeof value === "string")
    return Buffer.concat([control(2, Buffer.byteLength(value)), Buffer.from(value)])
  if (typeof value === "number") {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(value)
    return Buffer.concat([control(6, 4), bytes])
  }
  const entries = Object.entries(value)
  return Buffer.concat([control(7, entries.length), ...entries.flatMap((entry) => entry.map(encode))])
}

/** Type (text is 2, a number of 32 bits 6, a map 7) and size, with a second byte from 29 on. */
function control(type: number, size: number): Buffer {
  return Buffer.from(size < 29 ? [(type << 5) | size] : [(type << 5) | 29, size - 29])
}
