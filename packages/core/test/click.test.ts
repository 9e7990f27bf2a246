import t from "tap"
import { createBatchWriter, type NewVisit, type RecordedVisit, unpackBatch } from "../src/click.ts"
import { OUTCOMES } from "../src/decide.ts"
import { recurringText } from "../src/recurring-text.ts"
import { createVisitors } from "../src/visitor.ts"

const visitorOf = createVisitors(10)
const header = {
  instance: "abc",
  sequence: 7,
  sealedAtMs: 1_700_000_000_500,
  isFinal: false,
  counters: { accepted: 9, spilled: 1, dropped: 2 },
}

const visits: NewVisit[] = [
  {
    link: recurringText("lnk_1"),
    atMs: 1_700_000_000_000,
    outcome: "redirect",
    automated: false,
    synthetic: false,
    visitor: visitorOf("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) MicroMessenger/8.0.50"),
    language: "zh-CN",
    referrer: "",
    ip: "203.0.113.7",
    rule: "iOS to the store",
    variant: "b",
    guideToken: "AbCdEf01-_9",
  },
  {
    link: recurringText("lnk_2"),
    atMs: 1_699_999_999_990,
    outcome: "guide",
    automated: true,
    synthetic: false,
    visitor: visitorOf("curl/8"),
    language: "",
    referrer: "例子.com\u0000\n",
    ip: "2001:db8::1",
    rule: "",
    variant: "",
    guideToken: "",
  },
]

function asRead({ link, visitor: written, ...visit }: NewVisit): RecordedVisit {
  const { text, batch, place, ...visitor } = written
  return { ...visit, linkId: link.text, visitor: { ...visitor, automated: visit.automated } }
}

t.test("a batch comes back as it was written", async (t) => {
  const writer = createBatchWriter()
  for (const visit of visits) writer.add(visit)
  t.equal(writer.size, 2)
  const batch = unpackBatch(writer.seal(header))
  t.match(batch, header)
  t.same(batch.visits, visits.map(asRead))
})

t.test("a writer goes on with the next batch, which has nothing of the last", async (t) => {
  const writer = createBatchWriter()
  for (const visit of [...visits, ...visits]) writer.add(visit)
  writer.addOrphan("s.example.com", "/a")
  t.equal(unpackBatch(writer.seal(header)).visits.length, 4)
  t.ok(writer.isEmpty)
  t.same(unpackBatch(writer.seal(header)).visits, [])
  const [, second] = visits
  if (second !== undefined) writer.add({ ...second, atMs: 1_800_000_000_000 })
  t.same(unpackBatch(writer.seal(header)), {
    ...header,
    visits: second && [{ ...asRead(second), atMs: 1_800_000_000_000 }],
    orphans: [],
  })
})

t.test("links and visitors may be in several open batches", async (t) => {
  const [one, other] = [createBatchWriter(), createBatchWriter()]
  for (const visit of [...visits, ...visits]) for (const writer of [one, other, other]) writer.add(visit)
  t.same(unpackBatch(one.seal(header)).visits, [...visits, ...visits].map(asRead))
  t.equal(unpackBatch(other.seal(header)).visits.length, 8)
})

t.test("what is automated and what is synthetic are two things, whatever the outcome", async (t) => {
  const kinds = OUTCOMES.flatMap((outcome) =>
    [false, true].flatMap((automated) =>
      [false, true].map((synthetic) => ({ outcome, automated, synthetic })),
    ),
  )
  const writer = createBatchWriter()
  for (const kind of kinds) for (const visit of visits) writer.add({ ...visit, ...kind })
  const read = unpackBatch(writer.seal(header)).visits
  t.same(
    read.map(({ outcome, automated, synthetic }) => ({ outcome, automated, synthetic })),
    kinds.flatMap((kind) => visits.map(() => kind)),
  )
  t.ok(read.every(({ automated, visitor }) => visitor.automated === automated))
})

t.test("a batch may be empty, and the last of its instance", async (t) => {
  const writer = createBatchWriter()
  t.ok(writer.isEmpty)
  t.same(unpackBatch(writer.seal({ ...header, isFinal: true })), {
    ...{ ...header, isFinal: true },
    ...{ visits: [], orphans: [] },
  })
  t.equal(unpackBatch(createBatchWriter().seal(header)).isFinal, false)
})

t.test("visits of unknown codes come back by host and path, and are no visits of links", async (t) => {
  const writer = createBatchWriter()
  for (const path of ["/a", "/b", "/a", "/例子\u0000 "]) writer.addOrphan("s.example.com", path)
  writer.addOrphan("t.example.com", "/a")
  t.equal(writer.size, 0)
  t.notOk(writer.isEmpty)
  const batch = unpackBatch(writer.seal(header))
  t.same(batch.visits, [])
  t.same(batch.orphans, [
    { host: "s.example.com", path: "/a", visits: 2 },
    { host: "s.example.com", path: "/b", visits: 1 },
    { host: "s.example.com", path: "/例子\u0000 ", visits: 1 },
    { host: "t.example.com", path: "/a", visits: 1 },
  ])
})

t.test(
  "however many unknown codes there are, a batch lists few, cut short, and counts them all",
  async (t) => {
    const writer = createBatchWriter()
    const scanned = Array.from({ length: 5_000 }, (_, i) => `/${i}${"x".repeat(i)}`)
    for (const path of [...scanned, ...scanned.slice(0, 50)]) writer.addOrphan("s.example.com", path)
    const sealed = writer.seal(header)
    const { orphans } = unpackBatch(sealed)
    t.equal(orphans.length, 101)
    t.equal(
      orphans.reduce((sum, { visits }) => sum + visits, 0),
      5_050,
    )
    t.same(orphans[1], { host: "s.example.com", path: "/1x", visits: 2 })
    t.same(orphans.at(-1), { host: "s.example.com", path: "", visits: 4_900 })
    t.ok(sealed.length < 30_000)
  },
)

t.test("a visit of a known link and visitor takes at most 40 bytes", async (t) => {
  const writer = createBatchWriter()
  for (let i = 0; i < 1_000; i++) for (const visit of visits) writer.add({ ...visit, atMs: visit.atMs + i })
  t.ok(writer.seal(header).length / 2_000 < 40)
})

t.test("whatever is not a sealed batch throws", async (t) => {
  const writer = createBatchWriter()
  for (const visit of visits) writer.add(visit)
  writer.addOrphan("s.example.com", "/a")
  const sealed = writer.seal(header)
  const packed = JSON.parse(sealed) as Record<string, unknown>
  const broken = [
    ...["", "null", "[]", "{}", "42", '"x"', sealed.slice(0, -1), sealed.slice(1)],
    // Without orphans a batch is one nonetheless.
    ...Object.keys(packed)
      .filter((key) => key !== "orphans")
      .map((key) => JSON.stringify({ ...packed, [key]: undefined })),
    ...Object.keys(packed)
      .filter((key) => key !== "i")
      .map((key) => JSON.stringify({ ...packed, [key]: "xxx" })),
    JSON.stringify({ ...packed, v: 3 }),
    // No tenth number; an index that points nowhere; an outcome that is none; half a number.
    ...[
      [0, 0, 0, 0, 0, 0, 0, 0, 0],
      visitWith(3, 99),
      visitWith(2, 4 * OUTCOMES.length),
      visitWith(1, 0.5),
    ].map((numbers) => JSON.stringify({ ...packed, visits: numbers })),
    JSON.stringify({ ...packed, c: [1, 2] }),
    JSON.stringify({ ...packed, c: [1, 2, -3] }),
    JSON.stringify({ ...packed, n: -1 }),
    ...[12345, ["a", "b", "c", "d", "e"], "a b c d", "a b c d e f"].map((visitor) =>
      JSON.stringify({ ...packed, visitors: [visitor, visitor] }),
    ),
    ...[{}, [["s.example.com", "/a"]], [["s.example.com", "/a", 0]], [["s.example.com", 1, 1]], [null]].map(
      (orphans) => JSON.stringify({ ...packed, orphans }),
    ),
  ]
  for (const text of broken) t.throws(() => unpackBatch(text), text.slice(0, 60))
})

t.test("the visit that the broken ones are made of is none of them", async (t) => {
  const writer = createBatchWriter()
  for (const visit of visits) writer.add(visit)
  const packed = JSON.parse(writer.seal(header)) as Record<string, unknown>
  t.equal(unpackBatch(JSON.stringify({ ...packed, visits: visitWith(0, 0) })).visits.length, 1)
})

t.test("every cut and every flipped byte of a batch either throws or is a batch", async (t) => {
  const writer = createBatchWriter()
  for (const visit of visits) writer.add(visit)
  writer.addOrphan("s.example.com", "/a")
  const sealed = writer.seal({ ...header, isFinal: true })
  for (let at = 0; at < sealed.length; at++) {
    for (const text of [sealed.slice(0, at), `${sealed.slice(0, at)}~${sealed.slice(at + 1)}`]) {
      let result: unknown = null
      try {
        result = unpackBatch(text)
      } catch {}
      if (result !== null) t.match(result, { counters: {}, visits: Array })
    }
  }
})

/** The ten numbers of a visit, one of them another. */
function visitWith(field: number, value: number): number[] {
  return Array.from({ length: 10 }, (_, i) => (i === field ? value : 0))
}
