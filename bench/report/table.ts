/** A table of Markdown that reads well unrendered too: the first column to the left, all others to the right. */
export function table(head: string[], rows: string[][]): string {
  const widths = head.map((cell, i) => Math.max(3, cell.length, ...rows.map((row) => row[i]?.length ?? 0)))
  const line = (cells: string[]) => {
    const padded = widths.map((width, i) => {
      const cell = cells[i] ?? ""
      return i === 0 ? cell.padEnd(width) : cell.padStart(width)
    })
    return `| ${padded.join(" | ")} |`
  }
  const rule = widths.map((width, i) => (i === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`))
  return [line(head), line(rule), ...rows.map(line)].join("\n")
}
