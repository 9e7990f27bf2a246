import type { Link } from "@qiao/core/link.ts"
import { sql } from "kysely"
import t, { type Test } from "tap"
import {
  type Answer,
  expectProblem,
  faults,
  type Method,
  type ProblemBody,
  startAdmin,
} from "./support/admin.ts"

const admin = await startAdmin(t)
const { call, db } = admin
const link = await admin.newLink({ code: "kept", externalId: "kept", tags: ["kept"] })
const URL_A = "https://shop.example.com/a"
const before = await contents()

/** Every row of every table that an API call could have written. */
async function contents() {
  const tables = [
    "workspaces",
    "domains",
    "api_keys",
    "tags",
    "rule_sets",
    "links",
    "link_tags",
    "publications",
  ]
  const rows = await Promise.all(
    [...tables, "idempotency_keys"].map((table) =>
      sql`select * from ${sql.table(table)} as t order by t::text`.execute(db),
    ),
  )
  return rows.map((result) => result.rows)
}

/** A test at whose end everything is as it was. */
function test(name: string, run: (t: Test) => Promise<void>) {
  t.test(name, async (t) => {
    await run(t)
    t.same(await contents(), before, "nothing was written")
  })
}

async function refused(
  t: Test,
  method: Method,
  path: string,
  body: unknown,
  expected: [status: number, code: string, ...faults: string[]],
  headers?: Record<string, string>,
) {
  const [status, code, ...expectedFaults] = expected
  const problem = expectProblem(t, await call(method, path, body, headers), status, code)
  if (expectedFaults.length > 0) t.same(faults(problem), [...expectedFaults].sort())
}

const create = (t: Test, body: unknown, ...expected: [status: number, code: string, ...faults: string[]]) =>
  refused(t, "POST", "/v1/links", body, expected)

test("what is not JSON is 400", async (t) => {
  for (const body of ["{", "nonsense", '{"url": }', "\u0000", '{"url":"https://a.example"', "[1,]", " "]) {
    await create(t, body, 400, "invalid_json")
  }
  await create(t, "", 400, "invalid_json")
  await create(t, '{"__proto__":{"url":"x"},"url":"https://a.example/"}', 400, "invalid_json")
  await create(t, '{"constructor":{"prototype":{"x":1}},"url":"https://a.example/"}', 400, "invalid_json")
  const latin = Buffer.concat([
    Buffer.from('{"url":"https://a.example/'),
    Buffer.from([0xff, 0xfe]),
    Buffer.from('"'),
  ])
  await create(t, latin, 400, "invalid_json")
})

test("a body that is deeper than any schema is refused, wherever it comes in", async (t) => {
  const deep = (levels: number) => "[".repeat(levels) + "]".repeat(levels)
  const domain = await db.selectFrom("domains").select("id").executeTakeFirstOrThrow()
  const bodies: [method: Method, path: string, body: (inner: string) => string][] = [
    [
      ...(["PATCH", `/v1/domains/${domain.id}`] as const),
      (inner) => `{"appleAppSiteAssociation":{"applinks":${inner}}}`,
    ],
    [
      ...(["PATCH", `/v1/domains/${domain.id}`] as const),
      (inner) => `{"assetLinks":[{"relation":["a/b"],"x":${inner}}]}`,
    ],
    ["POST", "/v1/links", (inner) => `{"url":${inner}}`],
    ["POST", "/v1/rules/explain", (inner) => `{"link":${inner}}`],
    ["POST", "/v1/links", (inner) => inner],
  ]
  for (const [method, path, body] of bodies) {
    for (const levels of [33, 20_000, 32_000]) {
      await refused(t, method, path, body(deep(levels)), [422, "too_deep"])
    }
    await refused(t, method, path, body(deep(28)), [422, "invalid_input"])
  }
  const objects = `${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}`
  await create(t, objects, 422, "too_deep")
})

test("a body of another shape than an object is 422", async (t) => {
  for (const body of ["[]", "null", "1", '"text"', "true"]) await create(t, body, 422, "invalid_input")
  const none = await call("POST", "/v1/links")
  t.equal(expectProblem(t, none, 422, "invalid_input").errors?.[0]?.pointer, "")
})

test("every wrong type is named where it is", async (t) => {
  const wrong = {
    url: 1,
    title: {},
    externalId: [],
    tags: ["fine", 7, null],
    redirectStatus: "302",
    startsAt: 1700000000,
    expiresAt: "tomorrow",
    expiredUrl: false,
    maxClicks: "5",
    capWhenUnavailable: null,
    enabled: "yes",
    forwardQuery: 1,
    forwardPath: null,
    guidePlatforms: "wechat",
    allowPlatforms: ["wechat", "netscape"],
    code: 5,
    domain: 5,
    reuse: "true",
    force: 1,
    password: 5,
    ruleSetId: 7,
  }
  const problem = expectProblem(t, await call("POST", "/v1/links", wrong), 422, "invalid_input")
  const pointers = new Set(problem.errors?.map(({ pointer }) => pointer))
  const expected = Object.keys(wrong).flatMap((name) => {
    if (name === "tags") return ["/tags/1", "/tags/2"]
    return name === "allowPlatforms" ? ["/allowPlatforms/1"] : [`/${name}`]
  })
  t.same([...pointers].sort(), expected.sort())
  const patched = expectProblem(t, await call("PATCH", `/v1/links/${link.id}`, wrong), 422, "invalid_input")
  t.equal(patched.errors?.length, problem.errors?.length)
  t.ok(faults(patched).includes("/force unknown_field"), "only a new link can be forced")
})

test("several faults at once are all named, with JSON pointers", async (t) => {
  const body = {
    url: "javascript:alert(1)",
    code: "a/b",
    unknown: 1,
    "a/b~c": 2,
    tags: ["", "ok", "x".repeat(51)],
  }
  const found = [
    "/url url_scheme",
    "/code code_bad_character",
    "/unknown unknown_field",
    "/a~1b~0c unknown_field",
  ]
  await create(t, body, 422, "invalid_input", ...found, "/tags/0 too_small", "/tags/2 too_big")
})

test("unknown fields are refused, at every depth and by every route", async (t) => {
  await create(t, { url: URL_A, expireAt: null }, 422, "invalid_input", "/expireAt unknown_field")
  const id = "lnk_x"
  await create(
    t,
    { url: URL_A, id, version: 1 },
    422,
    "invalid_input",
    "/id unknown_field",
    "/version unknown_field",
  )
  const unknown = { x: 1 }
  const cases: [Method, string, object][] = [
    ["PATCH", `/v1/links/${link.id}`, {}],
    ["PUT", "/v1/links", { externalId: "kept", url: URL_A }],
    ["POST", "/v1/tags", { name: "tag" }],
    ["POST", "/v1/rule-sets", { name: "set", rules: [] }],
    ["POST", "/v1/domains", { host: "new.example.com" }],
    ["POST", "/v1/keys", { name: "key", scopes: ["links:read"] }],
    ["POST", "/v1/workspaces", { name: "workspace" }],
  ]
  for (const [method, path, body] of cases) {
    await refused(t, method, path, { ...body, ...unknown }, [422, "invalid_input", "/x unknown_field"])
  }
})

test("urls that are wrong are refused, never repaired", async (t) => {
  const cases: [url: string, code: string][] = [
    ["javascript:alert(1)", "url_scheme"],
    ["JaVaScRiPt:alert(1)//https://", "url_scheme"],
    ["data:text/html,x", "url_scheme"],
    ["ftp://a.example/", "url_scheme"],
    ["//a.example/", "url_scheme"],
    ["/relative", "url_scheme"],
    ["http:a.example", "url_scheme"],
    ["https:///a.example", "url_scheme"],
    ["", "url_scheme"],
    ["https://user:pass@a.example/", "url_credentials"],
    ["https://user@a.example/", "url_credentials"],
    ["https://a.example/\r\nSet-Cookie: x=1", "url_bad_character"],
    ["https://a.example/\u0000", "url_bad_character"],
    [" https://a.example/", "url_bad_character"],
    ["java\tscript:alert(1)", "url_bad_character"],
    ["https://a.example\\@b.example/", "url_bad_character"],
    ["https://a.example/\ud800", "url_bad_character"],
    ["https://a b.example/", "url_bad_character"],
    ["https://[::1", "url_invalid"],
    ["https://a.example:99999/", "url_invalid"],
    [`https://a.example/${"x".repeat(4096)}`, "url_too_long"],
    [`https://a.example/${"春".repeat(1000)}`, "url_too_long"],
  ]
  for (const [url, code] of cases) {
    await create(t, { url, expiredUrl: url }, 422, "invalid_input", `/url ${code}`, `/expiredUrl ${code}`)
  }
})

test("codes that are wrong are refused, never repaired", async (t) => {
  const cases: [code: string, expected: string][] = [
    ["", "code_empty"],
    ["a/b", "code_bad_character"],
    ["a.b", "code_bad_character"],
    ["a+b", "code_bad_character"],
    ["a b", "code_bad_character"],
    ["a%2Fb", "code_bad_character"],
    ["a\u0000", "code_bad_character"],
    ["a\ud800", "code_bad_character"],
    ["\u0301a", "code_bad_character"],
    ["e\u0301", "code_not_nfc"],
    ["春".repeat(129), "code_too_long"],
    ["..", "code_bad_character"],
    ["😀", "code_bad_character"],
  ]
  for (const [code, expected] of cases) {
    await create(t, { url: URL_A, code }, 422, "invalid_input", `/code ${expected}`)
  }
})

test("a NUL byte or a lone surrogate is refused in every text of every body", async (t) => {
  for (const bad of ["a\u0000b", "a\ud800b", "a\udc00"]) {
    const places: [Method, string, object, string][] = [
      ["POST", "/v1/links", { url: URL_A, title: bad }, "/title"],
      ["POST", "/v1/links", { url: URL_A, externalId: bad }, "/externalId"],
      ["POST", "/v1/links", { url: URL_A, tags: ["ok", bad] }, "/tags/1"],
      ["POST", "/v1/links", { url: URL_A, domain: bad }, "/domain"],
      ["POST", "/v1/links", { url: URL_A, guidePlatforms: [bad] }, "/guidePlatforms/0"],
      ["POST", "/v1/links", { url: URL_A, startsAt: bad }, "/startsAt"],
      ["PUT", "/v1/links", { url: URL_A, externalId: bad }, "/externalId"],
      ["PATCH", `/v1/links/${link.id}`, { title: bad }, "/title"],
      ["POST", "/v1/links", { url: URL_A, ruleSetId: bad }, "/ruleSetId"],
      ["POST", "/v1/links", { url: URL_A, password: bad }, "/password"],
      ["POST", "/v1/tags", { name: bad }, "/name"],
      ["POST", "/v1/rule-sets", { name: bad, rules: [] }, "/name"],
      [
        "POST",
        "/v1/rule-sets",
        { name: "ok", rules: [{ name: bad, when: {}, then: { guide: true } }] },
        "/rules/0/name",
      ],
      ["POST", "/v1/workspaces", { name: bad }, "/name"],
      ["POST", "/v1/workspaces", { name: "ok", timeZone: bad }, "/timeZone"],
      ["POST", "/v1/domains", { host: bad }, "/host"],
      ["POST", "/v1/domains", { host: "x.example", aliases: [bad] }, "/aliases/0"],
      ["POST", "/v1/domains", { host: "x.example", origin: bad }, "/origin"],
      ["POST", "/v1/domains", { host: "x.example", rootUrl: bad }, "/rootUrl"],
      ["POST", "/v1/domains", { host: "x.example", workspaceId: bad }, "/workspaceId"],
      ["POST", "/v1/keys", { name: bad, scopes: ["links:read"] }, "/name"],
      ["POST", "/v1/keys", { name: "ok", scopes: [bad] }, "/scopes/0"],
      ["POST", "/v1/keys", { name: "ok", scopes: ["links:read"], workspaceId: bad }, "/workspaceId"],
      ["POST", "/v1/keys", { name: "ok", scopes: ["links:read"], expiresAt: bad }, "/expiresAt"],
    ]
    for (const [method, path, body, pointer] of places) {
      const problem = expectProblem(t, await call(method, path, body), 422, "invalid_input")
      t.same(
        problem.errors?.map((error) => error.pointer),
        [pointer],
        `${method} ${path} ${pointer}`,
      )
    }
  }
})

test("a NUL byte in a path or a query is refused, whatever the route", async (t) => {
  for (const resource of ["links", "rule-sets", "tags", "domains", "keys", "workspaces"]) {
    const path = `/v1/${resource}/a%00b`
    await refused(t, "GET", path, undefined, [422, "invalid_input", "/id bad_character"])
    if (resource !== "workspaces") await refused(t, "DELETE", path, undefined, [422, "invalid_input"])
    await refused(t, "PATCH", path, { name: "x" }, [422, "invalid_input"])
  }
  await refused(t, "GET", "/v1/links/ext_%00", undefined, [422, "invalid_input", "/id bad_character"])
  for (const name of [
    "search",
    "tag",
    "domain",
    "ruleSet",
    "status",
    "platform",
    "sort",
    "limit",
    "cursor",
  ]) {
    const answer = await call("GET", `/v1/links?${name}=a%00b`)
    t.equal(answer.status, 422, name)
    t.match(answer.body, { errors: [{ in: "query", pointer: `/${name}` }] })
  }
  for (const name of ["link", "from", "to", "interval", "timezone", "groupBy"]) {
    const answer = await call("GET", `/v1/stats/visits?${name}=a%00b`)
    t.match(answer.body, { status: 422, errors: [{ in: "query", pointer: `/${name}` }] }, name)
  }
})

test("a path that is not a url is a 400 problem, one that is too long a 414", async (t) => {
  await refused(t, "GET", "/v1/links/%E0%A4%A", undefined, [400, "bad_request"])
  await refused(t, "GET", "/v1/links/%ED%A0%80", undefined, [400, "bad_request"])
  await refused(t, "GET", `/v1/links/${"x".repeat(2_001)}`, undefined, [414, "path_too_long"])
})

test("a body of 1 MB is 413, before it is looked at", async (t) => {
  await create(t, { url: URL_A, title: "x".repeat(1 << 20) }, 413, "body_too_large")
  await create(t, "x".repeat(1 << 20), 413, "body_too_large")
})

test("long lists and huge numbers are refused", async (t) => {
  await create(
    t,
    { url: URL_A, tags: Array.from({ length: 21 }, (_, i) => `t${i}`) },
    422,
    "invalid_input",
    "/tags too_big",
  )
  for (const maxClicks of ["1e400", "1e21", "-1", "0", "1.5", "9007199254740993", "1000000001", "-0.0"]) {
    const problem = await call("POST", "/v1/links", `{"url":"${URL_A}","maxClicks":${maxClicks}}`)
    t.equal(expectProblem(t, problem, 422, "invalid_input").errors?.[0]?.pointer, "/maxClicks")
  }
  for (const redirectStatus of [0, 200, 303, 302.5, 1e300]) {
    const problem = await call("POST", "/v1/links", { url: URL_A, redirectStatus })
    t.equal(expectProblem(t, problem, 422, "invalid_input").errors?.[0]?.pointer, "/redirectStatus")
  }
})

test("dates that are none are refused", async (t) => {
  const dates = [
    "",
    "NaN",
    "2026-02-30T00:00:00Z",
    "2026-01-01",
    "2026-01-01T25:00:00Z",
    "2026-13-01T00:00:00Z",
  ]
  const outOfRange = ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00"]
  for (const expiresAt of [
    ...dates,
    ...outOfRange,
    "2026-01-01T00:00:00",
    "+010000-01-01T00:00:00Z",
    "Infinity",
  ]) {
    const problem = expectProblem(
      t,
      await call("POST", "/v1/links", { url: URL_A, expiresAt }),
      422,
      "invalid_input",
    )
    t.equal(problem.errors?.[0]?.pointer, "/expiresAt", expiresAt)
  }
})

test("another content type is 415", async (t) => {
  for (const type of [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "nonsense",
    "text/html",
  ]) {
    const headers = { "content-type": type }
    await refused(t, "POST", "/v1/links", `{"url":"${URL_A}"}`, [415, "unsupported_media_type"], headers)
  }
})

test("a cursor that was tampered with is refused", async (t) => {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url")
  const id = link.id
  const cursors = [
    "x",
    "",
    "null",
    encode(null),
    encode([]),
    encode({}),
    encode(["-createdAt", null]),
    encode(["-createdAt", null, "' or 1=1 --"]),
    encode(["-createdAt", null, "lnk_\u0000"]),
    encode(["-createdAt", null, 7]),
    encode(["-createdAt", "x", id]),
    encode(["createdAt", null, id]),
    encode(["-updatedAt", "2026-01-01T00:00:00.000Z", id]),
    encode(["id", null, id]),
    encode(["__proto__", null, id]),
  ]
  for (const cursor of cursors) {
    const path = `/v1/links?cursor=${encodeURIComponent(cursor)}`
    await refused(t, "GET", path, undefined, [422, "invalid_input", "/cursor invalid_cursor"])
  }
  const values: Record<string, unknown[]> = {
    "-updatedAt": [
      "yesterday",
      "",
      null,
      5,
      "2026-99-01T00:00:00.000Z",
      "infinity",
      "2026-01-01T00:00:00Z'\u0000",
    ],
    clicks: ["5", null, 1.5, 1e300, "NaN", true, []],
  }
  for (const [sort, list] of Object.entries(values)) {
    for (const value of list) {
      const path = `/v1/links?sort=${sort}&cursor=${encode([sort, value, id])}`
      await refused(t, "GET", path, undefined, [422, "invalid_input", "/cursor invalid_cursor"])
    }
  }
  for (const resource of ["rule-sets", "tags", "domains", "keys", "workspaces"]) {
    const path = `/v1/${resource}?cursor=${encode(["id", "x", id])}`
    await refused(t, "GET", path, undefined, [422, "invalid_input"])
  }
  await refused(t, "GET", `/v1/links?cursor=${"x".repeat(1_001)}`, undefined, [422, "invalid_input"])
})

test("unknown, doubled and senseless query parameters are refused", async (t) => {
  const queries = [
    "page=2",
    "limit=0",
    "limit=101",
    "limit=-1",
    "limit=1.5",
    "limit=x",
    "limit=1&limit=2",
    "limit=",
  ]
  for (const query of [
    ...queries,
    "sort=name",
    "sort=",
    "status=gone",
    "platform=netscape",
    "domain=A",
    "tag=",
    "ruleSet=",
  ]) {
    const problem = expectProblem(t, await call("GET", `/v1/links?${query}`), 422, "invalid_input")
    t.match(problem.errors, [{ in: "query", pointer: `/${query.split("=")[0]}` }], query)
  }
  for (const path of [
    "/v1/rule-sets?x=1",
    "/v1/tags?x=1",
    "/v1/domains?x=1",
    "/v1/keys?x=1",
    "/v1/workspaces?x=1",
    "/v1/stats/visits?x=1",
  ]) {
    await refused(t, "GET", path, undefined, [422, "invalid_input", "/x unknown_field"])
  }
})

test("a bad Idempotency-Key is refused", async (t) => {
  for (const key of ["", " ", "a b", "ü", "x".repeat(256), "tab\tbed"]) {
    const answer: Answer<ProblemBody> = await call(
      "POST",
      "/v1/links",
      { url: URL_A },
      { "idempotency-key": key },
    )
    t.same(faults(expectProblem(t, answer, 422, "invalid_input")), ["/idempotency-key invalid_format"], key)
  }
})

test("a bad If-Match changes nothing", async (t) => {
  for (const ifMatch of ["", "1", 'W/"1"', '"', ",,,", "**", '"1" "2"', "\u00ff"]) {
    const answer = await call("PATCH", `/v1/links/${link.id}`, { title: "x" }, { "if-match": ifMatch })
    expectProblem(t, answer, 412, "version_mismatch")
  }
})

test("a host that is none is refused", async (t) => {
  const hosts = [
    "",
    "UPPER.example",
    "a.example:80",
    "a.example.",
    "a b",
    "http://a.example",
    "a/b",
    "春.example",
    "a@b",
  ]
  for (const host of [...hosts, "x".repeat(254)]) {
    const problem = expectProblem(t, await call("POST", "/v1/domains", { host }), 422, "invalid_input")
    t.equal(problem.errors?.[0]?.pointer, "/host", host)
  }
  for (const origin of ["https://a.example/", "ftp://a.example", "https://u:p@a.example", "a.example", ""]) {
    await refused(t, "POST", "/v1/domains", { host: "o.example", origin }, [
      422,
      "invalid_input",
      "/origin bad_origin",
    ])
  }
})

test("what is strange but allowed is kept as it is", async (t) => {
  // The only test here that writes; it takes away again what it made.
  const title = "'; drop table links; -- <script>&\\%_😀"
  const made = await call<Link>("POST", "/v1/links", { url: URL_A, title, code: "strange" })
  t.equal(made.body.title, title)
  const far = { startsAt: "1970-01-01T00:00:00Z", expiresAt: "9999-12-31T23:59:59.999Z" }
  const patched = await call<Link>("PATCH", `/v1/links/${made.body.id}`, far)
  t.match(patched.body, { startsAt: "1970-01-01T00:00:00.000Z", expiresAt: far.expiresAt })
  await db.deleteFrom("links").where("id", "=", made.body.id).execute()
  await db.deleteFrom("publications").where("subjectId", "=", made.body.id).execute()
})
