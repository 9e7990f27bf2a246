/** The 34 regions of China by ISO 3166-2, each with its English name first and then what databases call it besides. */
export const CHINA_REGIONS = {
  "CN-AH": ["Anhui"],
  "CN-BJ": ["Beijing"],
  "CN-CQ": ["Chongqing"],
  "CN-FJ": ["Fujian"],
  "CN-GD": ["Guangdong"],
  "CN-GS": ["Gansu"],
  "CN-GX": ["Guangxi"],
  "CN-GZ": ["Guizhou"],
  "CN-HA": ["Henan"],
  "CN-HB": ["Hubei"],
  "CN-HE": ["Hebei"],
  "CN-HI": ["Hainan"],
  "CN-HK": ["Hong Kong"],
  "CN-HL": ["Heilongjiang"],
  "CN-HN": ["Hunan"],
  "CN-JL": ["Jilin"],
  "CN-JS": ["Jiangsu"],
  "CN-JX": ["Jiangxi"],
  "CN-LN": ["Liaoning"],
  "CN-MO": ["Macao", "Macau"],
  "CN-NM": ["Inner Mongolia", "Nei Mongol", "Neimenggu"],
  "CN-NX": ["Ningxia"],
  "CN-QH": ["Qinghai"],
  "CN-SC": ["Sichuan"],
  "CN-SD": ["Shandong"],
  "CN-SH": ["Shanghai"],
  "CN-SN": ["Shaanxi"],
  "CN-SX": ["Shanxi"],
  "CN-TJ": ["Tianjin"],
  "CN-TW": ["Taiwan"],
  "CN-XJ": ["Xinjiang"],
  "CN-XZ": ["Tibet", "Xizang"],
  "CN-YN": ["Yunnan"],
  "CN-ZJ": ["Zhejiang"],
} as const satisfies Readonly<Record<string, readonly string[]>>

const PREFIXES = Object.entries(CHINA_REGIONS).flatMap(([code, names]) =>
  names.map((name) => [letters(name), code] as const),
)

/** The code of a name that may go on to say what kind of region it is (`Ningxia Hui Autonomous Region`); "" if it is none. */
export function chinaRegionOf(name: string): string {
  const wanted = letters(name)
  return PREFIXES.find(([prefix]) => wanted.startsWith(prefix))?.[1] ?? ""
}

function letters(name: string): string {
  return name.toLowerCase().replace(/[^a-z]/g, "")
}
