import t from "tap"
import { forward } from "../src/forward.ts"

t.test("path and query are added to the target", async (t) => {
  const cases: [target: string, path: string, query: string, result: string][] = [
    ["https://a.com/", "", "", "https://a.com/"],
    ["https://a.com/", "", "x=1", "https://a.com/?x=1"],
    ["https://a.com/p?y=2#f", "", "x=1", "https://a.com/p?y=2&x=1#f"],
    ["https://a.com/p", "/q/r", "", "https://a.com/p/q/r"],
    ["https://a.com/p/", "/q", "x=1", "https://a.com/p/q?x=1"],
    ["https://a.com/p", "/", "", "https://a.com/p/"],
    ["https://a.com/", "", "x=%E6%98%A5&y", "https://a.com/?x=%E6%98%A5&y"],
    ["https://a.com/", "", "a=1&a=2", "https://a.com/?a=1&a=2"],
  ]
  for (const [target, path, query, result] of cases) t.equal(forward(target, { path, query }), result)
})

t.test("the target's own parameters win, however the visitor writes them", async (t) => {
  const target = "https://a.com/?to=shop&ref=1"
  for (const query of ["to=evil", "t%6F=evil", "to", "ref=2&to=3", "&&to=x"]) {
    t.equal(forward(target, { path: "", query }), target, query)
  }
  t.equal(forward(target, { path: "", query: "to=evil&x=1" }), `${target}&x=1`)
})

t.test("nothing that a visitor adds leaves the target's origin and path", async (t) => {
  const target = "https://a.com/shop/"
  const attempts = [
    "/../admin",
    "/%2e%2e/admin",
    "/..%2fadmin",
    "/..%5cadmin",
    "/\\..\\admin",
    "/x/../../admin",
  ]
  for (const path of attempts) t.equal(forward(target, { path, query: "" }), null, path)
  for (const path of ["//evil.com", "/@evil.com", "/https://evil.com/", "/;x", "/a b", "/\u0000"]) {
    const result = forward(target, { path, query: "" })
    t.ok(result === null || result.startsWith(target), `${path} → ${result}`)
  }
  for (const query of ["#@evil.com", "x=1#y", "x=\r\ny", "@evil.com", "?x"]) {
    const result = forward(target, { path: "", query })
    t.ok(result === null || result.startsWith(`${target}?`), `${query} → ${result}`)
    t.notMatch(result, /[^\x21-\x7e]/)
  }
})

t.test("a result that is too long is none", async (t) => {
  t.equal(forward("https://a.com/", { path: "", query: `x=${"a".repeat(10_000)}` }), null)
})
