import { randomBytes } from "node:crypto"
import { domainKey } from "@qiao/core/keys.ts"
import t from "tap"
import { isQuick } from "../../../packages/core/test/support/quick.ts"
import { files as filesOf } from "../src/routes/domain-files.ts"
import { expectProblem, faults, startAdmin } from "./support/admin.ts"
import { publishAll, publisherOf, readDomain } from "./support/publisher.ts"

type File = { name: string; content: string; encoding: string }
type Domain = { id: string; files: File[]; robotsTxt: string | null; assetLinks: unknown }

const admin = await startAdmin(t)
const { call, host } = admin
const publisher = await publisherOf(t, admin)
const [own] = (await call<{ data: Domain[] }>("GET", "/v1/domains")).body.data
const path = `/v1/domains/${own?.id}`
const patch = (body: object) => call<Domain>("PATCH", path, body)
const refused = async (body: object) =>
  faults(expectProblem(t, await call("PATCH", path, body), 422, "invalid_input"))

async function published() {
  await publishAll(publisher)
  return (await readDomain(publisher, domainKey(host)))?.record
}

t.test("a file reaches the edge with its exact bytes, whatever they are", async (t) => {
  const odd = Buffer.from([0, 255, 13, 10, 0xed, 0xa0, 0x80, 0xef, 0xbb, 0xbf, 92, 34])
  const full = randomBytes(8_192)
  const files = [
    { name: "MP_verify_a1B2c3.txt", content: "a1B2c3" },
    { name: "WW_verify_x.txt", content: "\uFEFF中文\r\n\u0000 end\n", encoding: "utf8" },
    { name: "odd.bin", content: odd.toString("base64"), encoding: "base64" },
    { name: "full.bin", content: full.toString("base64"), encoding: "base64" },
    { name: "empty.txt", content: "" },
  ]
  const answer = await patch({ files })
  t.equal(answer.status, 200)
  const bytes = [...((await published())?.files ?? [])].map(([name, content]) => [
    name,
    content.toString("hex"),
  ])
  t.same(bytes, [
    ["MP_verify_a1B2c3.txt", Buffer.from("a1B2c3").toString("hex")],
    ["WW_verify_x.txt", Buffer.from("\uFEFF中文\r\n\u0000 end\n").toString("hex")],
    ["odd.bin", odd.toString("hex")],
    ["full.bin", full.toString("hex")],
    ["empty.txt", ""],
  ])
  t.match(answer.body.files, [files[0], files[1], files[2], files[3], files[4]])
})

t.test("files sent back as they were answered are the same files", async (t) => {
  const content = "77u/5Lit5paHDQo="
  const answered = (await patch({ files: [{ name: "bom.txt", content, encoding: "base64" }] })).body.files
  t.same(answered, [{ name: "bom.txt", content: "\uFEFF中文\r\n", encoding: "utf8" }])
  t.same((await patch({ files: answered })).body.files, answered)
  t.equal((await published())?.files.get("bom.txt")?.toString("base64"), content)
})

t.test("every file that cannot be served is named at once", async (t) => {
  const content = "x"
  t.same(
    await refused({
      files: [
        { name: "robots.txt", content },
        { name: "favicon.ico", content },
        { name: "nodot", content },
        { name: ".hidden.txt", content },
        { name: "a/b.txt", content },
        { name: "名.txt", content },
        { name: "a.txt", content: "a=b", encoding: "base64" },
        { name: "b.txt", content: "\uD800" },
        { name: "c.txt", content: "é".repeat(4_097) },
        { name: "d.txt", content, encoding: "latin1" },
        { content, more: 1 },
      ],
      robotsTxt: `User-agent: *\n${"#".repeat(8_192)}`,
      expiredUrl: "ftp://a.example/",
    }),
    [
      "/expiredUrl url_scheme",
      "/files/0/name reserved_name",
      "/files/1/name reserved_name",
      "/files/10/more unknown_field",
      "/files/10/name required",
      "/files/2/name invalid_format",
      "/files/3/name invalid_format",
      "/files/4/name invalid_format",
      "/files/5/name invalid_format",
      "/files/6/content bad_content",
      "/files/7/content bad_content",
      "/files/8/content too_big",
      "/files/9/encoding invalid_value",
      "/robotsTxt too_big",
    ],
  )
  const twice = [
    { name: "a.txt", content },
    { name: "b.txt", content },
    { name: "a.txt", content },
  ]
  t.same(await refused({ files: twice }), ["/files/2/name duplicate_name"])
  const many = Array.from({ length: 21 }, (_, i) => ({ name: `${i}.txt`, content }))
  t.same(await refused({ files: many }), ["/files too_big"])
  t.equal((await patch({ files: many.slice(1) })).status, 200)
})

t.test("a hostile file name is refused quickly", async (t) => {
  for (const name of [`a${".".repeat(60_000)}!`, `${"a".repeat(60_000)}!`, `${"a.".repeat(30_000)}!`]) {
    t.ok(isQuick(() => t.notOk(filesOf.safeParse([{ name, content: "" }]).success)))
    t.same(await refused({ files: [{ name, content: "" }] }), [
      "/files/0/name invalid_format",
      "/files/0/name too_big",
    ])
  }
})

t.test("robots.txt is served as it is given, and null brings the default back", async (t) => {
  const robotsTxt = "User-agent: *\r\nDisallow: /中\t# x\n"
  t.equal((await patch({ robotsTxt })).body.robotsTxt, robotsTxt)
  t.equal((await published())?.robotsTxt, robotsTxt)
  t.equal((await patch({ robotsTxt: "" })).body.robotsTxt, "")
  t.equal((await published())?.robotsTxt, "")
  t.same(await refused({ robotsTxt: "a\u0000" }), ["/robotsTxt bad_character"])
  t.equal((await patch({ robotsTxt: null })).body.robotsTxt, null)
  t.equal((await published())?.robotsTxt, null)
})

const APP = "ABCDE12345.com.example.app"
const FINGERPRINT = Array.from({ length: 32 }, (_, i) => i.toString(16).padStart(2, "0").toUpperCase()).join(
  ":",
)

t.test("associations with apps are served as compact JSON and answered as values", async (t) => {
  const appleAppSiteAssociation = {
    applinks: {
      apps: [],
      details: [
        { appIDs: [APP], components: [{ "/": "/buy/*", comment: "买" }] },
        { appID: APP, paths: ["*"] },
      ],
    },
    webcredentials: { apps: [APP] },
    activitycontinuation: { apps: [APP] },
  }
  const assetLinks = [
    {
      relation: ["delegate_permission/common.handle_all_urls"],
      target: {
        namespace: "android_app",
        package_name: "com.example.app",
        sha256_cert_fingerprints: [FINGERPRINT],
      },
    },
    {
      relation: ["delegate_permission/common.get_login_creds"],
      target: { namespace: "web", site: "https://www.example.com" },
    },
  ]
  const answer = await patch({ appleAppSiteAssociation, assetLinks })
  t.match(answer.body, { appleAppSiteAssociation, assetLinks })
  const record = await published()
  t.same(JSON.parse(record?.appleAppSiteAssociation ?? ""), appleAppSiteAssociation)
  t.equal(record?.assetLinks, JSON.stringify(assetLinks))
  await patch({ appleAppSiteAssociation: null, assetLinks: null })
  t.match(await published(), { appleAppSiteAssociation: null, assetLinks: null })
})

t.test("what a phone would ignore in silence is refused, every mistake at once", async (t) => {
  t.same(
    await refused({
      appleAppSiteAssociation: {
        applinks: { details: [{ paths: ["*"] }, { appID: "com.example.app" }] },
        appclips: { apps: APP },
      },
      assetLinks: [
        { relation: [], target: { namespace: "web", site: "example.com" } },
        {
          relation: ["x"],
          target: { namespace: "android_app", sha256_cert_fingerprints: [FINGERPRINT.toLowerCase()] },
        },
        { relation: ["a/b"], target: { namespace: "ios" } },
      ],
    }),
    [
      "/appleAppSiteAssociation/appclips/apps invalid_type",
      "/appleAppSiteAssociation/applinks/details/0 no_app",
      "/appleAppSiteAssociation/applinks/details/1/appID invalid_format",
      "/assetLinks/0/relation too_small",
      "/assetLinks/0/target/site invalid_format",
      "/assetLinks/1/relation/0 invalid_format",
      "/assetLinks/1/target/package_name required",
      "/assetLinks/1/target/sha256_cert_fingerprints/0 invalid_format",
      "/assetLinks/2/target/namespace invalid_union",
    ],
  )
  t.same(await refused({ appleAppSiteAssociation: {}, assetLinks: {} }), [
    ...["/appleAppSiteAssociation no_service", "/assetLinks invalid_type"],
  ])
})
