import { FORM_STYLE } from "./forms.ts"
import { GLYPH_STYLE, GLYPHS } from "./glyphs.ts"
import { type Html, html, NOTHING, shortened } from "./html.ts"
import type { Layout, Page } from "./layout.ts"
import { byLanguage, type Language } from "./texts.ts"

export const REPORT_REASONS = ["phishing", "malware", "spam", "illegal", "other"] as const
export const REPORT_DETAILS_MAX = 500

type State = "form" | "incomplete" | "thanks" | "limited" | "unavailable"

/** `action` is where the form is posted to, with a `reason` of the list and `details`, which may be empty. */
export type ReportRequest = { language: Language; action: string; shortUrl: string; state: State }

const STATUS: Record<State, number> = {
  form: 200,
  incomplete: 422,
  thanks: 200,
  limited: 429,
  unavailable: 503,
}

const STYLE = `${GLYPH_STYLE}${FORM_STYLE}
  fieldset{margin:0 0 16px;padding:0;border:0}
  legend{padding:0;margin:0 0 6px;font-weight:600}
  .choice{display:flex;align-items:flex-start;margin:0;padding:9px 0;font-weight:400}
  .choice input{flex:none;width:1.25rem;height:1.25rem;margin:.175rem .75rem 0 0;accent-color:var(--ink)}`

export function createReport(layout: Layout): (request: ReportRequest) => Page {
  const withForm = byLanguage((language) => {
    const { title } = TEXTS[language]
    return layout({ language, title, style: STYLE, permissions: { forms: "'self'" } })
  })
  const ended = (state: "thanks" | "limited") =>
    byLanguage((language) => layout({ language, title: TEXTS[language][state].title, style: GLYPH_STYLE }))
  const pages = {
    ...{ form: withForm, incomplete: withForm, unavailable: withForm },
    ...{ thanks: ended("thanks"), limited: ended("limited") },
  }
  return (request) => pages[request.state][request.language](STATUS[request.state], mainOf(request))
}

function mainOf({ language, action, shortUrl, state }: ReportRequest): Html {
  const words = TEXTS[language]
  const link = html`<p class="soft">${words.link(shortened(shortUrl))}</p>`
  if (state === "thanks" || state === "limited") {
    const { title, text } = words[state]
    const glyph = state === "thanks" ? GLYPHS.done : GLYPHS.clock
    return html`${glyph}<h1>${title}</h1>${link}<p role="status">${text}</p>`
  }
  return html`${GLYPHS.flag}<h1>${words.title}</h1>${link}<p>${words.lead}</p>${formOf(words, action, state)}`
}

function formOf(words: Words, action: string, state: "form" | "incomplete" | "unavailable"): Html {
  const fault =
    state === "form" ? NOTHING : html`<p class="fault" id="fault" role="alert">${words[state]}</p>`
  const about = state === "incomplete" ? html` aria-describedby="fault"` : NOTHING
  const choices = REPORT_REASONS.map(
    (reason) =>
      html`<label class="choice"><input type="radio" name="reason" value="${reason}" required>${words.reasons[reason]}</label>`,
  )
  return html`${fault}<form method="post" action="${action}"><fieldset${about}><legend>${words.reason}</legend>${choices}</fieldset>
<label for="details">${words.details}</label><textarea class="field" id="details" name="details" rows="4" maxlength="${REPORT_DETAILS_MAX}"></textarea>
<button class="button">${words.submit}</button></form>`
}

type Reason = (typeof REPORT_REASONS)[number]
type Words = Record<
  "title" | "lead" | "reason" | "details" | "submit" | "incomplete" | "unavailable",
  string
> &
  Record<"thanks" | "limited", { title: string; text: string }> & {
    link: (shortUrl: string) => string
    reasons: Record<Reason, string>
  }

const TEXTS: Record<Language, Words> = {
  "zh-CN": {
    title: "举报这个链接",
    link: (shortUrl) => `短链接：${shortUrl}`,
    lead: "如果它通往有害的内容，请告诉本服务的运营者。",
    reason: "问题是什么？",
    reasons: {
      phishing: "钓鱼或诈骗：骗取密码、验证码或钱财",
      malware: "恶意软件",
      spam: "垃圾信息或骚扰",
      illegal: "违法内容",
      other: "其他问题",
    },
    details: "补充说明（可不填，最多 500 字）",
    submit: "提交举报",
    incomplete: "请先选择一项。",
    unavailable: "暂时无法接收举报，请稍后再提交一次。",
    thanks: { title: "已收到您的举报", text: "谢谢。举报已转交本服务的运营者。" },
    limited: { title: "举报过于频繁", text: "您的网络在短时间内提交了太多举报，请稍后再试。" },
  },
  en: {
    title: "Report this link",
    link: (shortUrl) => `Short link: ${shortUrl}`,
    lead: "If it leads to something harmful, please tell those who run this service.",
    reason: "What is wrong with it?",
    reasons: {
      phishing: "Phishing or fraud: it is after passwords, codes or money",
      malware: "Malware",
      spam: "Spam or harassment",
      illegal: "Illegal content",
      other: "Something else",
    },
    details: "Details (optional, at most 500 characters)",
    submit: "Send the report",
    incomplete: "Please choose one of these first.",
    unavailable: "Reports cannot be taken just now. Please send it again in a moment.",
    thanks: {
      title: "We have your report",
      text: "Thank you. It is with those who run this service now.",
    },
    limited: {
      title: "Too many reports",
      text: "Your network sent too many reports in a short time. Please try again later.",
    },
  },
}
