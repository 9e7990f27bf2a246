import t from "tap"
import { openPlaces, placeOfRecord } from "../src/place.ts"

const placeOf = openPlaces()

/**
 * Name servers of each province's Telecom and Unicom, as published for their customers. Left out are those that DB-IP gives to another
 * province: 218.30.19.40 and 61.134.1.4 (Shaanxi), 222.75.152.129 and 202.100.96.68 (Ningxia), 202.100.64.68 (Gansu), 219.148.162.31
 * (Inner Mongolia), 202.96.69.38 (Liaoning) and 202.98.224.68 (Tibet, for which stand addresses of the networks assigned to it).
 */
const KNOWN: Readonly<Record<string, string>> = {
  "CN-AH": "61.132.163.68 202.102.213.68 218.104.78.2",
  "CN-BJ": "202.106.0.20 219.141.136.10 219.141.140.10",
  "CN-CQ": "61.128.128.68 61.128.192.68 221.5.203.98",
  "CN-FJ": "218.85.152.99 218.85.157.99 218.104.128.106",
  "CN-GD": "202.96.128.86 202.96.134.133 210.21.196.6 221.5.88.88",
  "CN-GS": "61.178.0.93 221.7.34.10",
  "CN-GX": "202.103.225.68 202.103.224.68 221.7.128.68",
  "CN-GZ": "202.98.192.67 202.98.198.167 221.13.28.234",
  "CN-HA": "222.88.88.88 222.85.85.85 202.102.224.68",
  "CN-HB": "202.103.24.68 202.103.0.68 218.104.111.114",
  "CN-HE": "222.222.222.222 202.99.160.68 202.99.166.4",
  "CN-HI": "202.100.192.68 202.100.199.8 221.11.132.2",
  "CN-HL": "219.147.198.230 112.100.100.100 202.97.224.68",
  "CN-HN": "222.246.129.80 59.51.78.210 58.20.127.170",
  "CN-JL": "219.149.194.55 202.98.0.68 202.98.5.68",
  "CN-JS": "218.2.135.1 218.4.4.4 61.147.37.1 221.6.4.66",
  "CN-JX": "202.101.224.69 202.101.226.69 220.248.192.12",
  "CN-LN": "219.148.204.66 219.149.6.99 202.96.64.68",
  "CN-NM": "222.74.1.200 222.74.39.50 202.99.224.68",
  "CN-NX": "221.199.12.158",
  "CN-QH": "202.100.128.68 221.207.58.58",
  "CN-SC": "61.139.2.69 218.6.200.139 119.6.6.6",
  "CN-SD": "219.146.0.130 202.102.128.68 202.102.134.68",
  "CN-SH": "202.96.209.5 202.96.209.133 116.228.111.118 210.22.70.3",
  "CN-SN": "221.11.1.67 221.11.1.68",
  "CN-SX": "219.149.135.188 202.99.192.66 202.99.192.68",
  "CN-TJ": "219.150.32.132 202.99.96.68 202.99.104.68",
  "CN-XJ": "61.128.114.166 61.128.114.133 221.7.1.21",
  "CN-XZ": "202.98.239.1 221.13.64.1",
  "CN-YN": "222.172.200.68 61.166.150.123 221.3.131.11",
  "CN-ZJ": "202.101.172.35 61.153.177.196 60.191.244.5 221.12.1.227",
}

t.test("an address of a province's provider is in that province", async (t) => {
  for (const [region, ips] of Object.entries(KNOWN)) {
    for (const ip of ips.split(" ")) t.same(placeOf(ip), { country: "CN", region }, ip)
  }
})

t.test("Hong Kong, Macao and Taiwan have a code as a country and as a region", async (t) => {
  for (const ip of ["1.36.1.1", "203.80.96.10"]) t.same(placeOf(ip), { country: "HK", region: "CN-HK" }, ip)
  for (const ip of ["202.175.3.8", "202.175.3.3"]) t.same(placeOf(ip), { country: "MO", region: "CN-MO" }, ip)
  for (const ip of ["168.95.1.1", "101.101.101.101", "2001:b000:168::1"]) {
    t.same(placeOf(ip), { country: "TW", region: "CN-TW" }, ip)
  }
})

t.test("other countries are known in both versions, without regions", async (t) => {
  t.same(placeOf("8.8.8.8"), { country: "US", region: "" })
  t.same(placeOf("202.12.27.33"), { country: "JP", region: "" })
  t.same(placeOf("2a02:2e0::1"), { country: "DE", region: "" })
  t.same(placeOf("2400:3200::1"), { country: "CN", region: "CN-ZJ" }, "Alibaba's resolver in Hangzhou")
})

t.test("private, reserved and malformed addresses are nowhere", async (t) => {
  for (const ip of [
    ...["0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.1.1", "172.16.0.1", "192.168.1.1"],
    ...["224.0.0.1", "255.255.255.255", "::", "::1", "fc00::1", "ff02::1", "2001:db8::1", "::ffff:10.0.0.1"],
    ...["", "unknown", "1.2.3", "8.8.8.8:53", "8.8.8.8, 1.1.1.1", "\0", "::ffff:x"],
  ]) {
    t.same(placeOf(ip), { country: "", region: "" }, JSON.stringify(ip))
  }
})

t.test("one place is one frozen object, whatever address it was asked by", async (t) => {
  const place = placeOf("202.96.128.86")
  t.ok(Object.isFrozen(place))
  for (const ip of ["202.96.128.86", "::ffff:202.96.128.86", "::FFFF:ca60:8056", "221.5.88.88"])
    t.equal(placeOf(ip), place)
})

t.test("records of MaxMind's databases have regions everywhere, by their codes", async (t) => {
  const nested = (country: string, iso_code?: string, en?: string) =>
    placeOfRecord({
      country: { iso_code: country },
      subdivisions: [{ iso_code, names: { en } }],
    } as Parameters<typeof placeOfRecord>[0])
  t.same(nested("US", "CA", "California"), { country: "US", region: "US-CA" })
  t.same(nested("CN", "GD", "Guangdong"), { country: "CN", region: "CN-GD" })
  t.same(nested("CN", undefined, "Guangdong"), { country: "CN", region: "CN-GD" })
  t.same(nested("HK", "NYL", "Yuen Long"), { country: "HK", region: "CN-HK" })
  t.same(nested("US", undefined, "Guangdong"), { country: "US", region: "" })
  t.same(placeOfRecord({}), { country: "", region: "" })
})

t.test("a database that is not there is told by its name", async (t) => {
  t.throws(() => openPlaces(["/nowhere/city.mmdb"]), { message: "/nowhere/city.mmdb: no such file" })
})
