/** What is asked of a link, a tag, a domain or the workspace; times are midnights of Shanghai, whose days the workspace has. */
export type Question = { name: string; path: string; params: Record<string, string> }

export function questionsAbout(today: string): Question[] {
  const midnight = (daysAgo: number) =>
    new Date(Date.parse(`${today}T00:00:00+08:00`) - daysAgo * 86_400_000).toISOString()
  const year = { from: midnight(364) }
  const week = { from: midnight(6) }
  const visits = (name: string, params: Record<string, string>) => ({ name, path: "visits", params })
  return [
    visits("30 days", {}),
    visits("30 days beside the 30 before, by platform", {
      ...{ from: midnight(30), to: midnight(0), compare: "previous", groupBy: "platform" },
    }),
    visits("a year by day", year),
    visits("a year by month and platform", { ...year, interval: "month", groupBy: "platform" }),
    visits("a year by week and referrer", { ...year, interval: "week", groupBy: "referrer" }),
    visits("a year by day and region, of one country", { ...year, groupBy: "region", country: "CN" }),
    visits("a year by month and browser, of two platforms without ios", {
      ...{ ...year, interval: "month", groupBy: "browser", platform: "wechat,qq", os: "-ios" },
    }),
    visits("a year by month and rule", { ...year, interval: "month", groupBy: "rule" }),
    visits("a week by hour", { ...week, interval: "hour" }),
    visits("a week by hour and os", { ...week, interval: "hour", groupBy: "os" }),
    visits("a week by day in Kolkata, by language", {
      ...week,
      timezone: "Asia/Kolkata",
      groupBy: "language",
    }),
    visits("two days by quarter of an hour and decision", {
      from: midnight(1),
      interval: "quarter",
      groupBy: "decision",
      limit: "5",
    }),
    { name: "top referrers of a year", path: "top", params: { ...year, by: "referrer" } },
    { name: "top platforms of 30 days", path: "top", params: { by: "platform" } },
    { name: "guide rate of a year", path: "guide-rate", params: year },
  ]
}

/** These are asked of links and the workspace alone. */
export function questionsOfVisitors(today: string): Question[] {
  const from = new Date(Date.parse(`${today}T00:00:00+08:00`) - 364 * 86_400_000).toISOString()
  return [{ name: "unique visitors of a year", path: "uniques", params: { from } }]
}

/** These have no link to be asked of. */
export function questionsOfWorkspaces(today: string): Question[] {
  const from = new Date(Date.parse(`${today}T00:00:00+08:00`) - 364 * 86_400_000).toISOString()
  return [
    { name: "top links of 30 days", path: "top", params: { by: "link" } },
    { name: "top links of a year", path: "top", params: { from, by: "link", limit: "100" } },
    { name: "top tags of 30 days", path: "top", params: { by: "tag" } },
    { name: "top domains of a year", path: "top", params: { from, by: "domain" } },
  ]
}
