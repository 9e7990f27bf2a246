import t from "tap"
import { expectProblem, faults, readAll, startAdmin } from "./support/admin.ts"

type Workspace = { id: string; name: string; timeZone: string; version: number }

const admin = await startAdmin(t)
const { call, as, newKey } = admin

t.test("the operator creates workspaces and sees them all", async (t) => {
  const made = await call<Workspace>("POST", "/v1/workspaces", { name: "团队" })
  t.equal(made.status, 201)
  t.match(made.body, { name: "团队", timeZone: "Asia/Shanghai", version: 1 })
  const all = await readAll<Workspace>(call, "/v1/workspaces?limit=1")
  t.same(
    all.map(({ id }) => id),
    [admin.workspaceId, made.body.id],
  )
  t.same((await call("GET", `/v1/workspaces/${made.body.id}`)).body, made.body)
  t.match((await call("PATCH", `/v1/workspaces/${made.body.id}`, { name: "x" })).body, {
    name: "x",
    version: 2,
  })
})

t.test("a workspace's admin sees and changes its own, and no other", async (t) => {
  const other = (await call<Workspace>("POST", "/v1/workspaces", { name: "other" })).body
  const ours = as(await newKey(["admin"]))
  expectProblem(t, await ours("GET", "/v1/workspaces"), 403, "missing_scope")
  expectProblem(t, await ours("POST", "/v1/workspaces", { name: "x" }), 403, "missing_scope")
  const path = `/v1/workspaces/${admin.workspaceId}`
  t.match((await ours("PATCH", path, { timeZone: "Europe/Berlin" })).body, { timeZone: "Europe/Berlin" })
  expectProblem(t, await ours("PATCH", path, { name: "x" }, { "if-match": '"1"' }), 412, "version_mismatch")
  expectProblem(t, await ours("PATCH", `/v1/workspaces/${other.id}`, { name: "x" }), 404, "not_found")
})

t.test("a time zone must be one of IANA's", async (t) => {
  for (const timeZone of [
    "+08:00",
    "UTC+8",
    "Mars/Base",
    "",
    "Asia/Shanghai; drop table x",
    "GMT+8",
    "IST",
    "CAT",
    "PRC",
    "asia/shanghai",
  ]) {
    const answer = await call("POST", "/v1/workspaces", { name: "x", timeZone })
    t.same(faults(expectProblem(t, answer, 422, "invalid_input")), ["/timeZone unknown_time_zone"], timeZone)
  }
})

t.test("every time zone that a workspace may have is one that statistics know", async (t) => {
  const zones = [...Intl.supportedValuesOf("timeZone"), "UTC", "Asia/Kolkata", "US/Pacific"]
  const taken = await Promise.all(
    zones.map((zone) => call("GET", `/v1/stats/visits?timezone=${encodeURIComponent(zone)}`)),
  )
  const refused = zones.filter((_, i) => taken[i]?.status !== 200)
  t.same(refused, [])
})
