import type { Brand } from "@qiao/core/brand.ts"
import { createPages, type Pages } from "./pages/pages.ts"

/** The pages of each brand, made when they are first shown and kept for as long as the domain's record is. */
export function createBrandedPages(): (brand: Brand | null) => Pages {
  const plain = createPages()
  const branded = new WeakMap<Brand, Pages>()
  return (brand) => {
    if (brand === null) return plain
    const pages = branded.get(brand) ?? createPages(brand)
    branded.set(brand, pages)
    return pages
  }
}
