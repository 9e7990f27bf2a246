import t from "tap"
import { CHINA_REGIONS, chinaRegionOf } from "../src/china-regions.ts"

/** ISO 3166-2:CN, each with the names that databases and their countries give it. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  "CN-AH": ["Anhui", "Anhui Sheng", "Anhui Province"],
  "CN-BJ": ["Beijing", "Beijing Shi", "BEIJING MUNICIPALITY"],
  "CN-CQ": ["Chongqing", "Chongqing Shi"],
  "CN-FJ": ["Fujian", "Fujian Sheng"],
  "CN-GD": ["Guangdong", "Guangdong Sheng"],
  "CN-GS": ["Gansu", "Gansu Sheng"],
  "CN-GX": ["Guangxi", "Guangxi Zhuangzu Zizhiqu", "Guangxi Zhuang Autonomous Region"],
  "CN-GZ": ["Guizhou", "Guizhou Sheng"],
  "CN-HA": ["Henan", "Henan Sheng"],
  "CN-HB": ["Hubei", "Hubei Sheng"],
  "CN-HE": ["Hebei", "Hebei Sheng"],
  "CN-HI": ["Hainan", "Hainan Sheng"],
  "CN-HK": ["Hong Kong", "Hong Kong SAR"],
  "CN-HL": ["Heilongjiang", "Heilongjiang Sheng"],
  "CN-HN": ["Hunan", "Hunan Sheng"],
  "CN-JL": ["Jilin", "Jilin Sheng"],
  "CN-JS": ["Jiangsu", "Jiangsu Sheng"],
  "CN-JX": ["Jiangxi", "Jiangxi Sheng"],
  "CN-LN": ["Liaoning", "Liaoning Sheng"],
  "CN-MO": ["Macao", "Macau", "Macao SAR"],
  "CN-NM": ["Inner Mongolia", "Nei Mongol Zizhiqu", "Neimenggu", "Inner Mongolia Autonomous Region"],
  "CN-NX": ["Ningxia", "Ningxia Huizu Zizhiqu", "Ningxia Hui Autonomous Region"],
  "CN-QH": ["Qinghai", "Qinghai Sheng"],
  "CN-SC": ["Sichuan", "Sichuan Sheng"],
  "CN-SD": ["Shandong", "Shandong Sheng"],
  "CN-SH": ["Shanghai", "Shanghai Shi"],
  "CN-SN": ["Shaanxi", "Shaanxi Sheng"],
  "CN-SX": ["Shanxi", "Shanxi Sheng"],
  "CN-TJ": ["Tianjin", "Tianjin Shi"],
  "CN-TW": ["Taiwan", "Taiwan Sheng"],
  "CN-XJ": ["Xinjiang", "Xinjiang Uygur Zizhiqu", "Xinjiang Uyghur Autonomous Region"],
  "CN-XZ": ["Tibet", "Xizang Zizhiqu", "Tibet Autonomous Region"],
  "CN-YN": ["Yunnan", "Yunnan Sheng"],
  "CN-ZJ": ["Zhejiang", "Zhejiang Sheng"],
}

t.test("each of the 34 regions is known by every name it has", async (t) => {
  t.same(Object.keys(CHINA_REGIONS), Object.keys(NAMES))
  for (const [code, names] of Object.entries(NAMES)) {
    for (const name of names) t.equal(chinaRegionOf(name), code, name)
  }
})

t.test("another name is no region", async (t) => {
  for (const name of ["", "?", "Mongolia", "California", "New Beijing", "中国", "constructor"]) {
    t.equal(chinaRegionOf(name), "", name)
  }
})
