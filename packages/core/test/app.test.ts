import t from "tap"
import { type AppAction, appTargetOf, miniProgramTargetOf } from "../src/app.ts"
import type { Visit } from "../src/condition.ts"
import { rule } from "../src/rule.ts"
import { VISIT } from "./support/visit.ts"

const WEB = "https://shop.example.com/"
const LINK_URL = "https://shop.example.com/spring"

const visit = (os: Visit["os"], platform: Visit["platform"] = "browser"): Visit => ({
  ...VISIT,
  os,
  platform,
})

t.test("an app opens by its https link, else its scheme, and nowhere but on its systems", async (t) => {
  const app: AppAction = {
    ios: {
      universalLink: "https://app.example.com/item/1",
      scheme: "myapp://item/1",
      store: "https://apps.apple.com/app/id1",
    },
    android: { scheme: "myapp://item/1", package: "com.example.app" },
    web: WEB,
  }
  t.same(appTargetOf(app, LINK_URL, visit("ios")), {
    open: "https://app.example.com/item/1",
    store: "https://apps.apple.com/app/id1",
    web: WEB,
  })
  for (const os of ["windows", "macos", "linux", "other"] as const) {
    t.equal(appTargetOf(app, LINK_URL, visit(os)), null, os)
  }
  const { web: _, ...withoutWeb } = app
  t.equal(appTargetOf(withoutWeb, LINK_URL, visit("ios"))?.web, LINK_URL, "the link's url is the web")
})

t.test("Android browsers get an intent with its fallback, in-app web views the scheme", async (t) => {
  const app: AppAction = {
    android: { scheme: "myapp://item/1?a=b#c", package: "com.example.app", store: "https://store.example/" },
  }
  t.equal(
    appTargetOf(app, LINK_URL, visit("android"))?.open,
    "intent://item/1?a=b%23c#Intent;scheme=myapp;package=com.example.app;" +
      "S.browser_fallback_url=https%3A%2F%2Fstore.example%2F;end",
  )
  t.equal(appTargetOf(app, LINK_URL, visit("android", "douyin"))?.open, "myapp://item/1?a=b#c")
  t.match(appTargetOf(app, LINK_URL, visit("harmonyos"))?.open, /^intent:/, "HarmonyOS takes Android's")
  const harmony: AppAction = { ...app, harmonyos: { appLink: "https://hap.example/" } }
  t.equal(
    appTargetOf(harmony, LINK_URL, visit("harmonyos"))?.open,
    "https://hap.example/",
    "unless it has its own",
  )
  const linked: AppAction = { android: { appLink: "https://a.example/", package: "com.example.app" } }
  t.equal(appTargetOf(linked, LINK_URL, visit("android"))?.open, "https://a.example/")
})

t.test("a mini program is for WeChat and phones; elsewhere there is only the web", async (t) => {
  const action = { appId: "wx0123456789abcdef", path: "pages/a/b", query: "x=%E6%98%A5&y=1", name: "店" }
  t.same(miniProgramTargetOf(action, LINK_URL, visit("android", "wechat")), {
    ...{
      appId: action.appId,
      path: action.path,
      query: action.query,
      name: "店",
      web: LINK_URL,
      isInside: true,
    },
    open: "weixin://dl/business/?appid=wx0123456789abcdef&path=pages%2Fa%2Fb&query=x%3D%25E6%2598%25A5%26y%3D1",
  })
  t.match(miniProgramTargetOf(action, LINK_URL, visit("windows", "wechat")), { isInside: true })
  t.match(miniProgramTargetOf(action, LINK_URL, visit("ios")), { isInside: false })
  t.equal(miniProgramTargetOf(action, LINK_URL, visit("macos")), null)
})

t.test("an app that cannot be opened safely is refused with a pointer to the field", async (t) => {
  const faultsOf = (then: object) =>
    rule.safeParse({ when: {}, then }).error?.issues.map(({ path }) => path.join("/")) ?? []
  for (const scheme of [
    ...[
      "javascript://%0aalert(1)",
      "data://x",
      "file:///etc/passwd",
      "https://a.example",
      "intent://x",
      "myapp:x",
    ],
    ...["MyApp://x", 'myapp://"x', "myapp://<x>", "myapp://a b", "myapp://é", "://x", "myapp"],
  ]) {
    t.same(faultsOf({ app: { ios: { scheme } } }), ["then/app/ios/scheme"], scheme)
  }
  t.same(faultsOf({ app: { web: WEB } }), ["then/app"])
  t.same(faultsOf({ app: { ios: { store: WEB } } }), ["then/app/ios"])
  t.same(faultsOf({ app: { android: { package: "x", scheme: "a://" } } }), ["then/app/android/package"])
  t.same(faultsOf({ app: { ios: { universalLink: "http://u:p@a/" } } }), ["then/app/ios/universalLink"])
  t.same(faultsOf({ miniProgram: { appId: "wx1", path: "/pages", query: "a b", name: "a" } }), [
    "then/miniProgram/appId",
    "then/miniProgram/path",
    "then/miniProgram/query",
  ])
  t.same(faultsOf({ app: { ios: { scheme: "myapp://" } } }), [])
  t.same(faultsOf({ miniProgram: { appId: "wx0123456789abcdef" } }), ["then/miniProgram/name"])
  t.same(faultsOf({ miniProgram: { appId: "wx0123456789abcdef", name: "店" } }), [])
})
