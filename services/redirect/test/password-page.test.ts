import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { hashPassword } from "@qiao/core/password.ts"
import t from "tap"
import { startBrowser } from "../../test/support/browser.ts"
import { startRedis } from "../../test/support/redis.ts"
import { startEdge } from "./support/edge.ts"
import { HOST, startPublisher } from "./support/publisher.ts"

t.test("in a browser: a wrong password, the right one, and none the next time", async (t) => {
  const browser = await startBrowser(t)
  if (browser === null) return
  const redis = await startRedis(t, { appendOnly: false })
  const publisher = await startPublisher(t, redis.url)
  const edge = await startEdge(t, redis.url)
  await edge.ready()
  const methods: (string | undefined)[] = []
  const shop = createServer((req, res) => {
    if (req.url?.startsWith("/landed")) methods.push(req.method)
    res.setHeader("content-type", "text/html").end("<title>landed</title>")
  })
  shop.listen(0, "127.0.0.1")
  await once(shop, "listening")
  t.teardown(() => shop.close())
  const target = `http://shop.example.com:${(shop.address() as AddressInfo).port}/landed`
  const password = { hash: await hashPassword("芝麻 sesame", Buffer.alloc(16)), version: 1 }
  await publisher.link("春天", { url: target, password, redirectStatus: 307 })

  const page = await browser.newPage()
  const submit = async (text: string) => {
    await page.fill("input[name=password]", text)
    await Promise.all([page.waitForNavigation(), page.click("button")])
  }
  const link = `http://${HOST}:${edge.port}/春天?from=qr`
  await page.goto(link)
  await submit("open")
  t.match(await page.textContent("main"), "not right")
  await submit("芝麻 sesame")
  t.equal(page.url(), `${target}?from=qr`)
  await page.goto(link)
  t.equal(page.url(), `${target}?from=qr`)
  t.same(methods, ["GET", "GET"], "the password went no further")
})
