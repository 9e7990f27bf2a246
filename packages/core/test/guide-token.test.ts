import t from "tap"
import { takeGuideToken } from "../src/guide-token.ts"

const TOKEN = "AbCdEf01-_9"

t.test("the token is taken out of a query, and nothing else is touched", async (t) => {
  const cases: [query: string, rest: string, token: string][] = [
    ["", "", ""],
    ["a=1&b", "a=1&b", ""],
    [`_qg=${TOKEN}`, "", TOKEN],
    [`a=%E6%98%A5&_qg=${TOKEN}&b=+`, "a=%E6%98%A5&b=+", TOKEN],
    [`%5Fqg=${TOKEN}&%5f%71%67=x`, "", TOKEN],
    ["_qg=short&a", "a", ""],
    ["_qg", "", ""],
    [`_qg=${TOKEN}%20&a=_qg=1`, "a=_qg=1", ""],
    [`x_qg=${TOKEN}&_qgx=1`, `x_qg=${TOKEN}&_qgx=1`, ""],
  ]
  for (const [query, rest, token] of cases) t.same(takeGuideToken(query), { query: rest, token }, query)
})
