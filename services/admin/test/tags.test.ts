import type { Link } from "@qiao/core/link.ts"
import t from "tap"
import { expectProblem, readAll, startAdmin } from "./support/admin.ts"

type Tag = { id: string; name: string; version: number; createdAt: string; updatedAt: string }

const { call, newLink } = await startAdmin(t)

t.test("a tag is created, read, renamed with its links, and deleted from them", async (t) => {
  const made = await call<Tag>("POST", "/v1/tags", { name: "春 & sale" })
  t.equal(made.status, 201)
  t.match(made.headers, { location: `/v1/tags/${made.body.id}`, etag: '"1"' })
  t.same((await call<Tag>("GET", `/v1/tags/${made.body.id}`)).body, made.body)
  const link = await newLink({ tags: ["春 & sale", "other"] })
  const renamed = await call<Tag>("PATCH", `/v1/tags/${made.body.id}`, { name: "autumn" })
  t.match(renamed.body, { name: "autumn", version: 2 })
  t.same((await call<Link>("GET", `/v1/links/${link.id}`)).body.tags, ["autumn", "other"])
  const path = `/v1/tags/${made.body.id}`
  expectProblem(t, await call("DELETE", path, undefined, { "if-match": '"1"' }), 412, "version_mismatch")
  const gone = await call("DELETE", path)
  t.same([gone.status, gone.text], [204, ""])
  t.same((await call<Link>("GET", `/v1/links/${link.id}`)).body.tags, ["other"])
  expectProblem(t, await call("GET", path), 404, "not_found")
})

t.test("a name belongs to one tag of a workspace, however many ask for it at once", async (t) => {
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => call<Tag>("POST", "/v1/tags", { name: "one" })),
  )
  t.equal(answers.filter(({ status }) => status === 201).length, 1)
  t.equal(answers.filter(({ status }) => status === 409).length, 49)
  const other = await call<Tag>("POST", "/v1/tags", { name: "two" })
  expectProblem(t, await call("PATCH", `/v1/tags/${other.body.id}`, { name: "one" }), 409, "name_taken")
  t.equal((await call("PATCH", `/v1/tags/${other.body.id}`, { name: "two" })).status, 200, "its own name")
})

t.test("tags are listed by creation, page by page", async (t) => {
  const before = await readAll<Tag>(call, "/v1/tags")
  const names = Array.from({ length: 25 }, (_, i) => `page-${i}`)
  for (const name of names) await call("POST", "/v1/tags", { name })
  const all = await readAll<Tag>(call, "/v1/tags?limit=4")
  t.same(
    all.slice(before.length).map(({ name }) => name),
    names,
  )
})
