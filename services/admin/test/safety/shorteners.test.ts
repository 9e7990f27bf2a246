import { writeFile } from "node:fs/promises"
import t from "tap"
import { entryFor, parseHostList } from "../../src/safety/hosts.ts"
import { KNOWN_SHORTENERS } from "../../src/safety/known-shorteners.ts"
import { openShorteners } from "../../src/safety/shorteners.ts"
import { listenToLog } from "./support/log.ts"

const { signal } = new AbortController()

t.test("known shorteners are known with their subdomains, platforms' own share links are not", async (t) => {
  t.same(parseHostList(KNOWN_SHORTENERS).unreadable, [])
  const list = (await openShorteners(null, { log: listenToLog().log, signal })).value()
  const shorteners = [
    "bit.ly",
    "foo.bit.ly",
    "t.co",
    "t.cn",
    "url.cn",
    "w.url.cn",
    "suo.im",
    "goo.gl",
    "forms.goo.gl",
    "s.id",
  ]
  for (const host of shorteners) t.ok(entryFor(list, host), host)
  const others = [
    ...["example.com", "notbit.ly", "bit.ly.example.com", "ly", "cn", "1.2.3.4", "[2001:4860:4860::8888]"],
    ...[
      "v.douyin.com",
      "xhslink.com",
      "b23.tv",
      "m.tb.cn",
      "u.jd.com",
      "3.cn",
      "wxaurl.cn",
      "work.weixin.qq.com",
    ],
    ...["youtu.be", "maps.app.goo.gl", "go.onelink.me", "linktr.ee"],
  ]
  for (const host of others) t.equal(entryFor(list, host), null, host)
})

t.test("the operator's file adds hosts and takes hosts away, the nearest entry deciding", async (t) => {
  const path = `${t.testdir()}/shorteners.txt`
  const text = [
    "# ours",
    "S.Example.com",
    "",
    "短.cn # in punycode",
    "!bit.ly",
    "!ok.t.cn",
    "nodot",
    "a b",
  ].join("\r\n")
  await writeFile(path, text)
  const { log, lines } = listenToLog()
  const list = (await openShorteners(path, { log, signal })).value()
  for (const host of ["s.example.com", "a.s.example.com", "xn--s7y.cn", "t.cn", "b.t.cn"])
    t.ok(entryFor(list, host), host)
  for (const host of ["bit.ly", "a.bit.ly", "ok.t.cn", "a.ok.t.cn", "example.com"])
    t.equal(entryFor(list, host), null, host)
  t.match(lines("warn"), [{ file: path, lines: [7, 8] }], "lines that name no host are told")
})
