import path from "node:path"
import t from "tap"
import { openDetailedPlaces } from "../src/detailed-place.ts"
import { openPlaces } from "../src/place.ts"
import { mmdbOf } from "./support/mmdb.ts"
import { seededRandom } from "./support/random.ts"

const NOWHERE = { country: "", region: "", city: "", isp: "" }

/** Name servers of China Telecom and China Unicom, and addresses of China Mobile. */
const PROVIDERS: Readonly<Record<string, { pattern: RegExp; ips: string }>> = {
  telecom: {
    pattern: /chinanet|china telecom|net of ct/i,
    ips: "61.132.163.68 61.128.128.68 218.85.152.99 202.96.128.86 61.178.0.93 222.246.129.80 218.2.135.1 112.100.100.100",
  },
  unicom: {
    pattern: /china unicom/i,
    ips: "218.104.78.2 202.106.0.20 221.5.203.98 210.21.196.6 202.99.160.68 58.20.127.170 221.6.4.66 119.6.6.6",
  },
  mobile: { pattern: /china mobile/i, ips: "120.204.0.1 223.104.1.1 117.136.0.1" },
}

t.test("what comes with Qiao", async (t) => {
  const placeOf = openDetailedPlaces()

  t.test("an address has a city and a provider, in both versions", async (t) => {
    t.same(placeOf("202.96.128.86"), { country: "CN", region: "CN-GD", city: "Guangzhou", isp: "Chinanet" })
    t.same(placeOf("8.8.8.8"), { country: "US", region: "", city: "Mountain View", isp: "Google LLC" })
    t.match(placeOf("2400:3200::1"), { country: "CN", region: "CN-ZJ", city: "Hangzhou", isp: /Alibaba/ })
    t.same(placeOf("::ffff:8.8.8.8"), placeOf("8.8.8.8"))
  })

  t.test("the networks of the three Chinese providers are theirs", async (t) => {
    for (const { pattern, ips } of Object.values(PROVIDERS)) {
      for (const ip of ips.split(" ")) t.match(placeOf(ip).isp, pattern, ip)
    }
  })

  t.test("country and region are what rules see, whatever was asked before", async (t) => {
    const ruleOf = openPlaces()
    const random = seededRandom(t)
    const byte = () => random.below(256)
    for (let i = 0; i < 5_000; i++) {
      // Networks that databases cut finer than others, among any.
      const ip = i % 2 === 0 ? `${byte()}.${byte()}.${byte()}.${byte()}` : `8.${random.below(4)}.0.${byte()}`
      const { country, region } = placeOf(ip)
      if (!t.same({ country, region }, ruleOf(ip), ip)) break
    }
  })

  t.test("private and malformed addresses are nowhere, in a known network, too", async (t) => {
    t.not(placeOf("8.8.8.8").country, "")
    for (const ip of [
      "127.0.0.1",
      "10.1.2.3",
      "::1",
      "fc00::1",
      "",
      "unknown",
      "8.8.8.999",
      "8.8.8.8:53",
      "2400:3200:0:x",
    ]) {
      t.same(placeOf(ip), NOWHERE, ip)
    }
  })
})

t.test(
  "of several databases, the first that knows the place and the first that knows the provider",
  async (t) => {
    const asn = mmdbOf({ "203.0.113.0/24": { autonomous_system_organization: "Example Carrier" } })
    const city = mmdbOf({
      "203.0.0.0/16": { country: { iso_code: "DE" }, city: { names: { en: "Ulm" } } },
      "198.51.100.0/24": { country: { iso_code: "FR" } },
    })
    const isp = mmdbOf({
      "203.0.0.0/16": { isp: "Other", autonomous_system_organization: "Not asked" },
      "198.51.100.0/25": { isp: "Half", organization: "Not asked" },
      "192.0.2.0/24": { isp: "Placeless" },
    })
    const folder = t.testdir({ asn, city, isp })
    const files = ["asn", "city", "isp"].map((name) => path.join(folder, name))
    const placeOf = openDetailedPlaces(files)
    const expected = {
      "203.0.113.9": { country: "DE", region: "", city: "Ulm", isp: "Example Carrier" },
      "203.0.5.9": { country: "DE", region: "", city: "Ulm", isp: "Other" },
      "198.51.100.1": { country: "FR", region: "", city: "", isp: "Half" },
      "198.51.100.200": { country: "FR", region: "", city: "", isp: "" },
      "192.0.2.1": { ...NOWHERE, isp: "Placeless" },
      "9.9.9.9": NOWHERE,
      "2001:db8::1": NOWHERE,
    }
    for (const [ip, place] of Object.entries(expected)) t.same(placeOf(ip), place, ip)
    t.same(
      openPlaces(files)("203.0.113.9"),
      { country: "DE", region: "" },
      "no provider hides a place from rules",
    )
  },
)

t.test("a database that is not there is told by its name", async (t) => {
  t.throws(() => openDetailedPlaces(["/nowhere/isp.mmdb"]), { message: "/nowhere/isp.mmdb: no such file" })
})
