import { ruleSetKey } from "@qiao/core/keys.ts"
import type { Link } from "@qiao/core/link.ts"
import type { Rule } from "@qiao/core/rule.ts"
import { decodeRuleSet } from "@qiao/core/rule-set-record.ts"
import t from "tap"
import { expectProblem, faults, HOST, readAll, startAdmin } from "./support/admin.ts"
import { expectNoDrift, publishAll, publisherOf, readLink } from "./support/publisher.ts"
import { seedLinks } from "./support/seed.ts"

type RuleSet = {
  id: string
  name: string
  rules: Rule[]
  warnings: { pointer: string; code: string }[]
  links: number
  version: number
}

const admin = await startAdmin(t)
const { call, db, newLink } = admin
const publisher = await publisherOf(t, admin)
const URL_A = "https://shop.example.com/a"
const RULES: Rule[] = [
  { name: "iOS", when: { os: ["ios"] }, then: { redirect: "https://ios.example/" } },
  { when: { platform: ["wechat"] }, then: { guide: true } },
]

let sets = 0
async function newRuleSet(more: { name?: string; rules?: object[] } = {}): Promise<RuleSet> {
  const body = { name: `set ${sets++}`, rules: RULES, ...more }
  const answer = await call<RuleSet>("POST", "/v1/rule-sets", body)
  if (answer.status !== 201) throw new Error(answer.text)
  return answer.body
}

const published = async (id: string) => {
  const value = await publisher.redis.get(ruleSetKey(id))
  return value === null ? null : decodeRuleSet(value)
}
const publishedRules = async (id: string) => (await published(id))?.record?.rules.map(({ rule }) => rule)

t.test("a rule set is created, read, changed and deleted, and Redis follows", async (t) => {
  const made = await call<RuleSet>("POST", "/v1/rule-sets", { name: "春 rules", rules: RULES })
  t.equal(made.status, 201, made.text)
  const path = `/v1/rule-sets/${made.body.id}`
  t.match(made.body, { name: "春 rules", rules: RULES, warnings: [], links: 0, version: 1 })
  t.match(made.body.id, /^rls_/)
  t.match(made.headers, { location: path, etag: '"1"' })
  const read = await call<RuleSet>("GET", path)
  t.same(read.body, made.body)
  t.equal(read.headers.etag, '"1"')
  await publishAll(publisher)
  t.same(await publishedRules(made.body.id), RULES)

  const renamed = await call<RuleSet>("PATCH", path, { name: "other" })
  t.match(renamed.body, { name: "other", rules: RULES, version: 2 })
  const changed = await call<RuleSet>("PATCH", path, { rules: RULES.slice(1) })
  t.match(changed, { body: { name: "other", version: 3 }, headers: { etag: '"3"' } })
  t.same(changed.body.rules, RULES.slice(1))
  await publishAll(publisher)
  t.same(await publishedRules(made.body.id), RULES.slice(1))

  t.match(await call("DELETE", path), { status: 204, text: "" })
  await publishAll(publisher)
  t.equal((await published(made.body.id))?.record, null, "a tombstone")
  expectProblem(t, await call("GET", path), 404, "not_found")
  await expectNoDrift(t, publisher)
})

t.test("a change is one publication, however many links use the set", async (t) => {
  const { id } = await newRuleSet()
  const { ids, keys } = await seedLinks(admin, 1_200)
  await db.updateTable("links").set({ ruleSetId: id }).where("id", "in", ids).execute()
  await publishAll(publisher)
  t.equal((await readLink(publisher, keys[0] ?? ""))?.record?.ruleSetId, id)
  t.equal((await call<RuleSet>("GET", `/v1/rule-sets/${id}`)).body.links, 1_000, "is counted up to a bound")
  const before = publisher.metrics.published
  t.equal((await call("PATCH", `/v1/rule-sets/${id}`, { rules: [] })).status, 200)
  await publishAll(publisher)
  t.equal(publisher.metrics.published, before + 1)
  t.same(await publishedRules(id), [])
})

t.test(
  "a link names a rule set of its workspace; any other is refused with all else that is wrong",
  async (t) => {
    const stranger = await admin.newWorkspace("theirs.example.com")
    const theirs = await stranger.call<RuleSet>("POST", "/v1/rule-sets", { name: "theirs", rules: [] })
    t.equal(theirs.status, 201)
    const own = await newRuleSet()
    const link = await newLink({ ruleSetId: own.id, externalId: "with-set" })
    t.equal(link.ruleSetId, own.id)
    t.equal((await newLink()).ruleSetId, null)
    for (const ruleSetId of ["rls_none", theirs.body.id]) {
      const wrong = { ruleSetId, url: `https://${HOST}/x`, allowPlatforms: [] }
      const answers = [
        await call("POST", "/v1/links", wrong),
        await call("PATCH", `/v1/links/${link.id}`, wrong),
        await call("PUT", "/v1/links", { ...wrong, externalId: "with-set" }),
        await call("PUT", "/v1/links", { ...wrong, externalId: "without" }),
      ]
      for (const answer of answers) {
        t.same(faults(expectProblem(t, answer, 422, "invalid_input")), [
          "/allowPlatforms nobody_allowed",
          "/ruleSetId unknown_rule_set",
          "/url own_domain",
        ])
      }
    }
    t.same((await call<Link>("GET", `/v1/links/${link.id}`)).body, link, "nothing was written")
    const replaced = await call<Link>("PUT", "/v1/links", { externalId: "with-set", url: URL_A })
    t.equal(replaced.body.ruleSetId, null, "a replacement without it lets go of it")
    expectProblem(t, await stranger.call("GET", `/v1/rule-sets/${own.id}`), 404, "not_found")
    expectProblem(t, await stranger.call("PATCH", `/v1/rule-sets/${own.id}`, {}), 404, "not_found")
    expectProblem(t, await stranger.call("DELETE", `/v1/rule-sets/${own.id}`), 404, "not_found")
  },
)

t.test("the links that use a set can be listed and counted", async (t) => {
  const { id } = await newRuleSet()
  const used = [await newLink({ ruleSetId: id }), await newLink({ ruleSetId: id, tags: ["x"] })]
  const deleted = await newLink({ ruleSetId: id })
  await call("DELETE", `/v1/links/${deleted.id}`)
  const listed = await readAll<Link>(call, `/v1/links?ruleSet=${id}&limit=1&sort=createdAt`)
  t.same(
    listed.map((link) => link.id),
    used.map((link) => link.id),
  )
  t.same(await readAll(call, `/v1/links?ruleSet=${id}&tag=none`), [])
  t.equal((await call<RuleSet>("GET", `/v1/rule-sets/${id}`)).body.links, 2)
})

t.test("a set that a link uses cannot be deleted; deleted links let go of it", async (t) => {
  const { id } = await newRuleSet()
  const [link, other] = [await newLink({ ruleSetId: id }), await newLink({ ruleSetId: id })]
  const path = `/v1/rule-sets/${id}`
  expectProblem(t, await call("DELETE", path), 409, "rule_set_in_use")
  await call("DELETE", `/v1/links/${link.id}`)
  expectProblem(t, await call("DELETE", path), 409, "rule_set_in_use")
  await call("PATCH", `/v1/links/${other.id}`, { ruleSetId: null })
  t.equal((await call("DELETE", path)).status, 204)
  const rows = await db.selectFrom("links").select("id").where("ruleSetId", "=", id).execute()
  t.same(rows, [])
})

t.test("a set never vanishes from under a link that begins to use it", async (t) => {
  const outcomes = new Set<string>()
  for (let round = 0; round < 12; round++) {
    const { id } = await newRuleSet()
    const link = await newLink()
    const remove = () => call("DELETE", `/v1/rule-sets/${id}`)
    const use = [
      () => call("POST", "/v1/links", { url: URL_A, ruleSetId: id }),
      () => call("PATCH", `/v1/links/${link.id}`, { ruleSetId: id }),
    ]
    const calls = round % 2 === 0 ? [remove, ...use] : [...use, remove]
    const answers = await Promise.all(calls.map((each) => each()))
    const removal = answers[round % 2 === 0 ? 0 : 2]
    const uses = answers.filter((answer) => answer !== removal)
    if (removal?.status === 204) {
      for (const answer of uses) {
        t.same(faults(expectProblem(t, answer, 422, "invalid_input")), ["/ruleSetId unknown_rule_set"])
      }
    } else {
      t.match(removal, { status: 409, body: { code: "rule_set_in_use" } })
      t.ok(uses.some(({ status }) => status < 300))
    }
    outcomes.add(String(removal?.status))
    const found = await call<RuleSet>("GET", `/v1/rule-sets/${id}`)
    t.equal(found.status, removal?.status === 204 ? 404 : 200)
  }
  t.comment(`deletions: ${[...outcomes]}`)
})

t.test("a rule set's name is its own in the workspace", async (t) => {
  const create = () => call("POST", "/v1/rule-sets", { name: "one", rules: [] })
  const answers = await Promise.all(Array.from({ length: 20 }, create))
  t.equal(answers.filter(({ status }) => status === 201).length, 1)
  t.equal(answers.filter(({ body }) => body.code === "name_taken").length, 19)
  const other = await newRuleSet()
  expectProblem(t, await call("PATCH", `/v1/rule-sets/${other.id}`, { name: "one" }), 409, "name_taken")
})

t.test("If-Match guards changes, and an Idempotency-Key repeats them once", async (t) => {
  const { id } = await newRuleSet()
  const path = `/v1/rule-sets/${id}`
  const stale = { "if-match": '"2"' }
  expectProblem(t, await call("PATCH", path, { rules: [] }, stale), 412, "version_mismatch")
  expectProblem(t, await call("DELETE", path, undefined, stale), 412, "version_mismatch")
  const change = (_: unknown, i: number) => call("PATCH", path, { name: `n${i}` }, { "if-match": '"1"' })
  const answers = await Promise.all(Array.from({ length: 20 }, change))
  t.equal(answers.filter(({ status }) => status === 200).length, 1)

  const once = { "idempotency-key": "rule-set" }
  const create = () => call<RuleSet>("POST", "/v1/rule-sets", { name: "idempotent", rules: RULES }, once)
  const made = await Promise.all(Array.from({ length: 10 }, create))
  t.equal(new Set(made.map(({ text }) => text)).size, 1)
  t.equal(made[0]?.status, 201)
  await publishAll(publisher)
  t.same(await publishedRules(made[0]?.body.id ?? ""), RULES)
})

t.test("rules that can never decide and hosts that look like others are warned of", async (t) => {
  const rules = [
    { when: {}, then: { redirect: "https://xn--80ak6aa92e.com/" } },
    { when: { os: ["ios"] }, then: { redirect: "https://例え.jp/" } },
  ]
  const { warnings } = await newRuleSet({ rules })
  t.match(warnings, [
    { pointer: "/rules/1", code: "shadowed" },
    { pointer: "/rules/0/then/redirect", code: "look_alike", detail: "shows as аррӏе.com, like apple.com" },
    { pointer: "/rules/1/then/redirect", code: "punycode_host", detail: "shows as 例え.jp" },
  ])
})

t.test("wrong rule sets are refused, with pointers, and need their scopes", async (t) => {
  const { id } = await newRuleSet()
  const wrong = { name: "", rules: [{ when: { os: ["dos"] }, then: {} }], more: 1 }
  const expected = [
    "/more unknown_field",
    "/name too_small",
    "/rules/0/then one_action",
    "/rules/0/when/os/0 invalid_value",
  ]
  for (const answer of [
    await call("POST", "/v1/rule-sets", wrong),
    await call("PATCH", `/v1/rule-sets/${id}`, wrong),
  ]) {
    t.same(faults(expectProblem(t, answer, 422, "invalid_input")), expected)
  }
  const none = expectProblem(t, await call("POST", "/v1/rule-sets", {}), 422, "invalid_input")
  t.same(faults(none), ["/name required", "/rules required"])
  const reader = admin.as(await admin.newKey(["links:read"]))
  t.equal((await reader("GET", `/v1/rule-sets/${id}`)).status, 200)
  expectProblem(t, await reader("PATCH", `/v1/rule-sets/${id}`, {}), 403, "missing_scope")
  const stats = admin.as(await admin.newKey(["stats:read"]))
  expectProblem(t, await stats("GET", "/v1/rule-sets"), 403, "missing_scope")
})

t.test("rule sets are listed by creation, page by page", async (t) => {
  const before = await readAll<RuleSet>(call, "/v1/rule-sets")
  const made: string[] = []
  for (let i = 0; i < 9; i++) made.push((await newRuleSet()).id)
  const all = await readAll<RuleSet>(call, "/v1/rule-sets?limit=4")
  t.same(
    all.slice(before.length).map(({ id }) => id),
    made,
  )
})
