import type { Brand } from "@qiao/core/brand.ts"
import { type AppRequest, createApp } from "./app.ts"
import { createFixed } from "./fixed.ts"
import { createGuide, type GuideRequest } from "./guide.ts"
import { createLayout, type Page } from "./layout.ts"
import { createMiniProgram, type MiniProgramRequest } from "./mini-program.ts"
import { createPassword, type PasswordRequest } from "./password.ts"
import { createPreview, type PreviewRequest } from "./preview.ts"
import { createReport, type ReportRequest } from "./report.ts"
import type { FixedPage, Language } from "./texts.ts"

export type Pages = {
  fixed(name: FixedPage, language: Language): Page
  guide(request: GuideRequest): Page
  password(request: PasswordRequest): Page
  preview(request: PreviewRequest): Page
  report(request: ReportRequest): Page
  app(request: AppRequest): Page
  miniProgram(request: MiniProgramRequest): Page
}

/** The pages of one brand, to be kept: a request only fills in text. What comes with one is escaped. */
export function createPages(brand: Brand | null = null): Pages {
  const layout = createLayout(brand)
  return {
    fixed: createFixed(layout),
    guide: createGuide(layout, brand),
    password: createPassword(layout),
    preview: createPreview(layout),
    report: createReport(layout),
    app: createApp(layout),
    miniProgram: createMiniProgram(layout),
  }
}
