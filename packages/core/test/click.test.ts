import t from "tap"
import { createBatchWriter, type RecordedVisit, unpackBatch } from "../src/click.ts"
import { createVisitors } from "../src/visitor.ts"

const visitorOf = createVisitors(10)
const header = {
  instance: "abc",
  sequence: 7,
  sealedAtMs: 1_700_000_000_500,
  counters: { accepted: 9, spilled: 1, dropped: 2 },
}

const visits: RecordedVisit[] = [
  {
    linkId: "lnk_1",
    atMs: 1_700_000_000_000,
    outcome: "redirect",
    automated: false,
    visitor: visitorOf("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) MicroMessenger/8.0.50"),
    language: "zh-CN",
    referrer: "",
    ip: "203.0.113.7",
    rule: "iOS to the store",
    variant: "b",
    guideToken: "AbCdEf01-_9",
  },
  {
    linkId: "lnk_2",
    atMs: 1_699_999_999_990,
    outcome: "guide",
    automated: true,
    visitor: visitorOf("curl/8"),
    language: "",
    referrer: "例子.com\u0000\n",
    ip: "2001:db8::1",
    rule: "",
    variant: "",
    guideToken: "",
  },
]

t.test("a batch comes back as it was written", async (t) => {
  const writer = createBatchWriter()
  for (const visit of visits) writer.add(visit)
  t.equal(writer.size, 2)
  const batch = unpackBatch(writer.seal(header))
  t.match(batch, header)
  t.same(
    batch.visits.map(({ visitor, ...visit }) => ({ ...visit, platform: visitor.platform, id: visitor.id })),
    visits.map(({ visitor, ...visit }) => ({ ...visit, platform: visitor.platform, id: visitor.id })),
  )
})

t.test("a visit of a known link and visitor takes at most 40 bytes", async (t) => {
  const writer = createBatchWriter()
  for (let i = 0; i < 1_000; i++) for (const visit of visits) writer.add({ ...visit, atMs: visit.atMs + i })
  t.ok(writer.seal(header).length / 2_000 < 40)
})

t.test("whatever is not a sealed batch throws", async (t) => {
  const writer = createBatchWriter()
  for (const visit of visits) writer.add(visit)
  const sealed = writer.seal(header)
  const packed = JSON.parse(sealed) as Record<string, unknown>
  const broken = [
    ...["", "null", "[]", "{}", "42", '"x"', sealed.slice(0, -1), sealed.slice(1)],
    ...Object.keys(packed).map((key) => JSON.stringify({ ...packed, [key]: undefined })),
    ...Object.keys(packed)
      .map((key) => JSON.stringify({ ...packed, [key]: "x".repeat(3) }))
      .filter((s) => !s.includes('"i":"xxx"')),
    JSON.stringify({ ...packed, visits: [0, 0, 0, 99, 0, 0, 0] }),
    JSON.stringify({ ...packed, visits: [0, 0, 999, 0, 0, 0, 0] }),
    JSON.stringify({ ...packed, visits: [0, 0, 0] }),
    JSON.stringify({ ...packed, visits: [0, 0.5, 0, 0, 0, 0, 0] }),
    JSON.stringify({ ...packed, c: [1, 2] }),
    JSON.stringify({ ...packed, n: -1 }),
    JSON.stringify({ ...packed, visitors: [[1, 2, 3, 4, 5]] }),
  ]
  for (const text of broken) t.throws(() => unpackBatch(text), text.slice(0, 60))
})

t.test("every cut and every flipped byte of a batch either throws or is a batch", async (t) => {
  const writer = createBatchWriter()
  for (const visit of visits) writer.add(visit)
  const sealed = writer.seal(header)
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
