import { writeFile } from "node:fs/promises"
import { gzipSync } from "node:zlib"
import t, { type Test } from "tap"
import { readFeed } from "../../src/safety/feed.ts"
import { hasText } from "../../src/safety/hash-list.ts"
import { keysOf } from "../../src/safety/listing.ts"

const SEED = 42

async function load(t: Test, content: string | Buffer, entriesMax = 1_000) {
  const path = `${t.testdir()}/feed`
  await writeFile(path, content)
  const { hashes, counts } = await readFeed({ path, entriesMax, seed: SEED })
  const blocks = (url: string) => keysOf(new URL(url)).some((key) => hasText(hashes, key, SEED))
  return { hashes, counts, blocks }
}

const URLHAUS_HEAD = `################################################################
# abuse.ch URLhaus Database Dump (CSV - recent URLs only)      #
# Last updated: 2026-02-26 12:05:20 (UTC)                      #
################################################################
#
`

const formats: Record<string, string> = {
  "URLhaus database dump": `${URLHAUS_HEAD}# id,dateadded,url,url_status,last_online,threat,tags,urlhaus_link,reporter
"3786237","2026-02-26 12:05:20","http://203.0.113.9:58801/i","online","2026-02-26 12:05:20","malware_download","32-bit,elf","https://urlhaus.abuse.ch/url/3786237/","geenensp"\r
"3786236","2026-02-26 11:54:17","https://www.bad.example/a,""b"".exe","offline","","malware_download","None","https://urlhaus.abuse.ch/url/3786236/","x"\r
`,
  "URLhaus plain-text URL list": `${URLHAUS_HEAD}http://203.0.113.9:58801/i\r\nhttps://www.bad.example/a,b.exe\r\n`,
  "URLhaus hostfile": `${URLHAUS_HEAD}127.0.0.1\t203.0.113.9\n127.0.0.1\twww.bad.example\n`,
  "hosts file": "::1 localhost\n0.0.0.0 203.0.113.9 www.bad.example # both\n",
  "PhishTank online-valid.csv": `phish_id,url,phish_detail_url,submission_time,verified,verification_time,online,target
9001,http://203.0.113.9/login,http://www.phishtank.com/phish_detail.php?phish_id=9001,2026-01-01T00:00:00+00:00,yes,2026-01-01T00:00:00+00:00,yes,Other
9002,"https://www.bad.example/?a=1,2",http://www.phishtank.com/phish_detail.php?phish_id=9002,2026-01-01T00:00:00+00:00,yes,2026-01-01T00:00:00+00:00,yes,"Bank, The"
`,
  "plain hosts": "\ufeff203.0.113.9\nWWW.bad.Example.\n\n# comment\n! comment\n",
  "hosts with a path, a port or a star": "203.0.113.9:8080\n*.www.bad.example\nwww.bad.example/login?x\n",
  "adblock rules": "[Adblock Plus 2.0]\n! Title: x\n||203.0.113.9^\n||www.bad.example^$all\n",
}

for (const [format, content] of Object.entries(formats)) {
  t.test(`${format}: every host is read, with its subdomains and no other`, async (t) => {
    const { blocks, hashes, counts } = await load(t, content)
    t.equal(hashes.length, 2)
    t.match(counts, { unreadable: 0, dropped: 0 })
    const blocked = [
      "http://203.0.113.9/",
      "https://www.bad.example:8443/other",
      "http://a.b.www.bad.example./",
    ]
    for (const url of blocked) t.ok(blocks(url), url)
    const others = [
      "http://203.0.113.8/",
      "https://bad.example/",
      "https://awww.bad.example/",
      "https://urlhaus.abuse.ch/",
    ]
    for (const url of [...others, "http://www.phishtank.com/", "http://localhost.example/"])
      t.notOk(blocks(url), url)
  })
}

t.test("a gzipped file is read like a plain one", async (t) => {
  const { blocks } = await load(t, gzipSync("a.example\n例子.com\n"))
  t.ok(blocks("http://a.example/"))
  t.ok(blocks("http://例子.com/"))
})

t.test("a damaged gzip file is refused", async (t) => {
  const whole = gzipSync(Array.from({ length: 1_000 }, (_, i) => `${i}.example`).join("\n"))
  await t.rejects(load(t, whole.subarray(0, whole.length - 20)), { code: "Z_BUF_ERROR" })
})

t.test("characters and lines cut by the edge of a read come out whole", async (t) => {
  const hosts = Array.from({ length: 30_000 }, (_, i) => `例${i}.example`)
  const { blocks, counts } = await load(t, hosts.join("\n"), hosts.length)
  t.equal(counts.unreadable, 0)
  t.ok(hosts.every((host) => blocks(`http://${host}/`)))
})

t.test("where many share a host, a url blocks only itself, and the host cannot be blocked", async (t) => {
  const pages = ["https://docs.google.com/forms/d/1/viewform", "https://github.com/x/y?raw=1"]
  const hosts = ["http://github.io", "drive.google.com", "core.windows.net"]
  const { blocks, counts } = await load(t, [...pages, ...hosts, "http://evil.github.io/x"].join("\n"))
  for (const url of [...pages, `${pages[0]}#top`, `${pages[0]}?usp=sf_link`]) t.ok(blocks(url), url)
  t.ok(blocks("https://evil.github.io/other"))
  const others = [
    "https://docs.google.com/forms/d/2/viewform",
    "https://drive.google.com/",
    "https://github.com/x/y",
  ]
  const neighbours = ["https://github.io/", "https://good.github.io/", "https://a.blob.core.windows.net/"]
  for (const url of [...others, ...neighbours]) t.notOk(blocks(url), url)
  t.match(counts, { tooBroad: 3, unreadable: 0 })
})

t.test("an entry that would block all below a top-level domain is counted and left out", async (t) => {
  const { blocks, counts, hashes } = await load(t, "com\ncom.cn\n0.0.0.0 localhost\nhttp://cn/\n")
  t.match(counts, { tooBroad: 4, unreadable: 0 })
  t.equal(hashes.length, 0)
  for (const url of ["http://example.com/", "http://a.com.cn/"]) t.notOk(blocks(url), url)
})

t.test("lines that are not understood are counted, and the first of them is told", async (t) => {
  const { blocks, counts } = await load(
    t,
    "a.example\nb.example\n<b>\nc d\n1,2\n@@||x.example^\nc.example\nd.example\n",
  )
  t.match(counts, { unreadable: 4, firstUnreadable: 3 })
  t.ok(blocks("http://d.example/"))
  t.notOk(blocks("http://x.example/"))
})

t.test("a file that is something else is refused", async (t) => {
  const files: [string, string | Buffer][] = [
    ["a web page", "<!doctype html>\n<html>\n<title>Bad gateway</title>\n<p>Try again later\n</html>\n"],
    ["one long line", `[${'{"phish_id":"1","url":"http:\\/\\/a.example\\/"},'.repeat(100_000)}]`],
    ["a zip file", Buffer.concat([Buffer.from("PK\u0003\u0004"), gzipSync("a.example")])],
  ]
  for (const [what, content] of files) await t.rejects(load(t, content), /no list of hosts or urls/, what)
})

t.test("entries beyond the bound are counted, not kept", async (t) => {
  const { hashes, counts } = await load(t, "a.example\nb.example\nc.example\nd.example\n", 3)
  t.equal(hashes.length, 3)
  t.equal(counts.dropped, 1)
})

t.test("what is listed often is kept once", async (t) => {
  const { hashes } = await load(
    t,
    "a.example\nhttp://a.example/1\nhttp://a.example/2\nb.example\na.example\n",
  )
  t.equal(hashes.length, 2)
})
