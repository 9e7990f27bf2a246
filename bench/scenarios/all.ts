import { guide } from "./guide.ts"
import { hot } from "./hot.ts"
import { manyLinks } from "./many-links.ts"
import { miss } from "./miss.ts"
import { rules } from "./rules.ts"
import type { Scenario } from "./scenario.ts"
import { unknown } from "./unknown.ts"
import { zipf } from "./zipf.ts"

export const scenarios: Scenario[] = [hot, zipf, miss, manyLinks, rules, guide, unknown]
