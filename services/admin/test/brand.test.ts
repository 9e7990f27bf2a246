import { domainKey } from "@qiao/core/keys.ts"
import t from "tap"
import { expectProblem, faults, startAdmin } from "./support/admin.ts"
import { expectNoDrift, publishAll, publisherOf, readDomain, runPublisher } from "./support/publisher.ts"

type Workspace = { brand: object | null; wechatSignatureUrl: string | null; version: number }

/** The smallest PNG there is. */
const LOGO =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
const BRAND = {
  name: "桥咖啡",
  colour: "#0b5cad",
  logo: LOGO,
  guide: { "zh-CN": { title: "请在浏览器打开" }, en: { lead: "Tap the dots." } },
}
const SIGNATURE = "https://api.example.com/wx/signature"

const admin = await startAdmin(t, { env: { PUBLISH_WAIT_MS: "10000" } })
const { call, as, newKey, db, workspaceId } = admin
const publisher = await publisherOf(t, admin)
const stranger = await admin.newWorkspace("theirs.example.com")
runPublisher(t, publisher, admin.databaseUrl, 1_000)
await call("POST", "/v1/domains", { host: "b.example.com", aliases: ["a.example.com", "c.example.com"] })
const hosts = [admin.host, "a.example.com", "b.example.com", "c.example.com"]
const path = `/v1/workspaces/${workspaceId}`

async function revisions() {
  const rows = await db.selectFrom("publications").select(["key", "revision"]).execute()
  return new Map(rows.map(({ key, revision }) => [key, revision]))
}

t.test("a workspace has no brand until it is given one", async (t) => {
  t.match((await call("GET", path)).body, { brand: null, wechatSignatureUrl: null })
  const made = await call<Workspace>("POST", "/v1/workspaces", { name: "x", brand: BRAND })
  t.match(made.body, { brand: BRAND, wechatSignatureUrl: null })
})

t.test("a brand is at the edge under every host of the workspace when the answer comes", async (t) => {
  const before = await revisions()
  const ours = as(await newKey(["admin"]))
  const answer = await ours<Workspace>("PATCH", path, { brand: BRAND, wechatSignatureUrl: SIGNATURE })
  t.match(answer.body, { brand: BRAND, wechatSignatureUrl: SIGNATURE, version: 2 })
  t.equal(answer.headers["qiao-publication"], undefined)
  for (const host of hosts) {
    const record = (await readDomain(publisher, domainKey(host)))?.record
    t.same(record?.brand, BRAND, host)
    t.equal(record?.wechatSignatureUrl, SIGNATURE, host)
  }
  const changed = [...(await revisions())].filter(([key, revision]) => before.get(key) !== revision)
  t.same(changed.map(([key]) => key).sort(), hosts.map(domainKey).sort(), "and nobody else's is published")
  t.equal((await readDomain(publisher, domainKey(stranger.host)))?.record?.brand, null)
})

t.test("null takes a brand away, and what is not sent stays", async (t) => {
  t.match((await call("PATCH", path, { brand: null })).body, { brand: null, wechatSignatureUrl: SIGNATURE })
  t.match(await readDomain(publisher, domainKey(admin.host)), {
    record: { brand: null, wechatSignatureUrl: SIGNATURE },
  })
  t.match((await call("PATCH", path, { wechatSignatureUrl: null })).body, { wechatSignatureUrl: null })
})

t.test("a name or time zone is published nowhere", async (t) => {
  const before = await revisions()
  await call("PATCH", path, { name: "renamed", timeZone: "UTC" })
  t.same(await revisions(), before)
})

t.test("a domain made while the brand changes has one that is current", async (t) => {
  for (let round = 0; round < 5; round++) {
    const host = `new${round}.example.com`
    const name = `brand ${round}`
    const answers = await Promise.all([
      call("POST", "/v1/domains", { host, aliases: [`alias${round}.example.com`] }),
      call("PATCH", path, { brand: { name } }),
      admin.newLink(),
    ])
    t.match(answers, [{ status: 201 }, { status: 200 }])
    await publishAll(publisher)
    t.equal((await readDomain(publisher, domainKey(host)))?.record?.brand?.name, name)
  }
})

t.test("changes of the brand, of domains and new links succeed side by side", async (t) => {
  const domains = await db
    .selectFrom("domains")
    .select(["id", "host"])
    .where("workspaceId", "=", workspaceId)
    .execute()
  for (let round = 0; round < 5; round++) {
    const answers = await Promise.all([
      ...domains.map(({ id }) => call("PATCH", `/v1/domains/${id}`, { robotsTxt: `# ${round}\n` })),
      ...[1, 2].map((i) => call("PATCH", path, { brand: { name: `${round} ${i}` } })),
      ...domains.map(({ host }) =>
        call("POST", "/v1/links", { url: "https://shop.example.com/", domain: host }),
      ),
    ])
    t.same(new Set(answers.map(({ status }) => status)), new Set([200, 201]))
  }
  await publishAll(publisher)
  await expectNoDrift(t, publisher)
})

t.test(
  "everything wrong with a brand is named at once, and no other workspace has one to change",
  async (t) => {
    const wrong = await call("PATCH", path, {
      brand: {
        name: "",
        colour: "blue",
        logo: Buffer.from("GIF89a").toString("base64"),
        guide: { "zh-CN": { title: "x".repeat(61), more: 1 }, fr: {} },
      },
      wechatSignatureUrl: "http://api.example.com/",
    })
    t.same(faults(expectProblem(t, wrong, 422, "invalid_input")), [
      "/brand/colour invalid_format",
      "/brand/guide/fr unknown_field",
      "/brand/guide/zh-CN/more unknown_field",
      "/brand/guide/zh-CN/title too_big",
      "/brand/logo not_png",
      "/brand/name too_small",
      "/wechatSignatureUrl url_scheme",
    ])
    const big = Buffer.concat([Buffer.from(LOGO, "base64"), Buffer.alloc(3_100)]).toString("base64")
    t.same(
      faults(expectProblem(t, await call("PATCH", path, { brand: { logo: big } }), 422, "invalid_input")),
      ["/brand/logo too_big"],
    )
    expectProblem(t, await stranger.call("PATCH", path, { brand: null }), 404, "not_found")
    expectProblem(
      t,
      await as(await newKey(["links:write"]))("PATCH", path, { brand: null }),
      403,
      "missing_scope",
    )
  },
)
