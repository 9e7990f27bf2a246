import t from "tap"
import { expectProblem, faults, startAdmin } from "./support/admin.ts"

type Status = { status: string; note: string | null; since: string }
type Domain = {
  id: string
  platformStatus: Record<string, Status>
  warnings: { pointer: string; code: string; detail: string }[]
}

const admin = await startAdmin(t)
const { call, as, newKey } = admin

async function newDomain(host: string, body: object = {}) {
  const made = await call<Domain>("POST", "/v1/domains", { host, ...body })
  t.equal(made.status, 201)
  const path = `/v1/domains/${made.body.id}`
  return { ...made.body, patch: (platformStatus: object) => call<Domain>("PATCH", path, { platformStatus }) }
}

const SINCE = "2026-01-02T03:04:05.000Z"

t.test("statuses are merged platform by platform, and null removes one", async (t) => {
  const { patch } = await newDomain("a.example.com", {
    platformStatus: {
      wechat: { status: "blocked", note: "申诉中", since: "2026-01-02T11:04:05+08:00" },
      qq: null,
    },
  })
  const added = await patch({ douyin: { status: "ok", since: SINCE } })
  t.same(added.body.platformStatus, {
    wechat: { status: "blocked", note: "申诉中", since: SINCE },
    douyin: { status: "ok", note: null, since: SINCE },
  })
  const removed = await patch({ douyin: null, qq: null })
  t.same(Object.keys(removed.body.platformStatus), ["wechat"])
  t.same((await patch({})).body.platformStatus, removed.body.platformStatus)
})

t.test("since when is set as a status changes, and kept as long as it does not", async (t) => {
  const begun = Date.now()
  const { platformStatus, patch } = await newDomain("b.example.com", {
    platformStatus: { wechat: { status: "ok" } },
  })
  const isNow = (since = "") => Date.parse(since) >= begun && Date.parse(since) <= Date.now()
  t.ok(isNow(platformStatus.wechat?.since))
  await patch({ wechat: { status: "ok", since: SINCE } })
  const noted = await patch({ wechat: { status: "ok", note: "checked again" } })
  t.same(noted.body.platformStatus.wechat, { status: "ok", note: "checked again", since: SINCE })
  const blocked = await patch({ wechat: { status: "blocked" } })
  t.match(blocked.body.platformStatus.wechat, { status: "blocked", note: null })
  t.ok(isNow(blocked.body.platformStatus.wechat?.since))
})

t.test("a domain that a platform blocks says so in its warnings", async (t) => {
  const { warnings, patch } = await newDomain("c.example.com")
  t.same(warnings, [])
  const two = await patch({
    wechat: { status: "blocked", since: SINCE, note: "complaint" },
    qq: { status: "blocked", since: SINCE },
    douyin: { status: "ok" },
  })
  const details = [`is blocked in qq since ${SINCE}`, `is blocked in wechat since ${SINCE}: complaint`]
  t.same(
    two.body.warnings,
    details.map((detail) => ({ pointer: "/platformStatus", code: "domain_blocked", detail })),
  )
  t.same((await patch({ wechat: { status: "ok" }, qq: null })).body.warnings, [])
})

t.test("a workspace's admin may mark its domains, and what is no status is refused by name", async (t) => {
  const { id } = await newDomain("d.example.com")
  const ours = as(await newKey(["admin"]))
  const path = `/v1/domains/${id}`
  const body = { platformStatus: { wechat: { status: "blocked" } } }
  t.equal((await ours("PATCH", path, body)).status, 200)
  expectProblem(t, await as(await newKey(["links:write"]))("PATCH", path, body), 403, "missing_scope")
  const wrong = await ours("PATCH", path, {
    platformStatus: {
      myspace: { status: "ok" },
      qq: { status: "dead", since: "yesterday", note: "" },
      wecom: {},
    },
  })
  t.same(faults(expectProblem(t, wrong, 422, "invalid_input")), [
    "/platformStatus/myspace unknown_field",
    "/platformStatus/qq/note too_small",
    "/platformStatus/qq/since invalid_format",
    "/platformStatus/qq/status invalid_value",
    "/platformStatus/wecom/status invalid_value",
  ])
})
