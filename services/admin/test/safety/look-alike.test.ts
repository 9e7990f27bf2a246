import t from "tap"
import { lookAlikeOf } from "../../src/safety/look-alike.ts"

const seen = (name: string) => lookAlikeOf(new URL(`http://${name}/`).hostname)

t.test("a host without punycode shows as itself", async (t) => {
  for (const host of ["example.com", "paypa1.com", "127.0.0.1", "[::1]", "axn--a.com"])
    t.equal(lookAlikeOf(host), null, host)
})

t.test("a name that reads as another is suspicious and says which", async (t) => {
  t.same(lookAlikeOf("xn--80ak6aa92e.com"), {
    shown: "аррӏе.com",
    isSuspicious: true,
    looksLike: "apple.com",
  })
  const names: [string, string | null][] = [
    ["www.аррӏе.com", "www.apple.com"],
    ["gооgle.com", "google.com"],
    ["ɡoogle.com", "google.com"],
    ["раураl.com", "paypal.com"],
    ["yandeх.ru", "yandex.ru"],
    ["сосо.com", "coco.com"],
    ["νν.com", "vv.com"],
    ["кfc.com", "kfc.com"],
    ["google.com∕login.evil.com", "google.com/login.evil.com"],
    ["google.comノlogin.evil.com", "google.com/login.evil.com"],
    ["g〇〇gle.com", "google.com"],
    ["paypa౦.com", "paypao.com"],
    ["q̇aq.com", "qaq.com"],
    ["ԝеіхіп.qq.com.例子.com", null],
    ["ꭺpple.com", null],
    ["bаidu中国.com", null],
    ["i❤.ws", null],
    ["০১23.com", null],
    ["xn--a.com", null],
  ]
  for (const [name, looksLike] of names) t.match(seen(name), { isSuspicious: true, looksLike }, name)
})

t.test("a name in one language, or in Latin and an East Asian one, is not suspicious", async (t) => {
  const names = [
    ...[
      "例子.com",
      "第一财经.com",
      "一加手机1号.cn",
      "微信pay.com",
      "七猫cat.cn",
      "hello中国.com",
      "二〇二四.cn",
      "淘宝.中国",
    ],
    ...[
      "臺北101.tw",
      "中国ㄅㄆ.tw",
      "コーヒー.jp",
      "ラーメン屋.jp",
      "トヨタ-car.jp",
      "ひらがな-カタカナ-漢字.jp",
      "ソニー・ストア.jp",
    ],
    ...[
      "한국어.kr",
      "삼성tv.kr",
      "москва.com",
      "осень.рф",
      "ночь.com",
      "ελλάδα.gr",
      "հայաստան.am",
      "საქართველო.ge",
    ],
    ...["القاهرة.com", "ישראל.il", "हिन्दी.com", "ไทย.com", "မြန်မာ.com", "አማርኛ.com", "বাংলা.com"],
  ]
  for (const name of names) t.match(seen(name), { isSuspicious: false, looksLike: null }, name)
})

t.test("accents are no cause for suspicion, but what is left without them is told", async (t) => {
  const names: [string, string][] = [
    ["münchen.de", "munchen.de"],
    ["tiệmbánh.vn", "tiembanh.vn"],
    ["alışveriş.com", "alisveris.com"],
    ["azərbaycan.az", "azerbaycan.az"],
    ["smørrebrød.dk", "smorrebrod.dk"],
    ["łódź.pl", "lodz.pl"],
    ["paypàl.com", "paypal.com"],
  ]
  for (const [name, looksLike] of names) t.match(seen(name), { isSuspicious: false, looksLike }, name)
})
