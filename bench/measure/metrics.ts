export type Sample = { name: string; labels: Record<string, string>; value: number }

/** Of Prometheus' text format, whose label values here hold no quotes. */
export function samplesOf(text: string): Sample[] {
  return [...text.matchAll(/^([a-z_]+)(?:\{(.*)\})? (\S+)$/gm)].map(([, name = "", labels = "", value]) => {
    const pairs = [...labels.matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, label, value]) => [label, value])
    return { name, labels: Object.fromEntries(pairs), value: Number(value) }
  })
}

/** Adds up all samples of the name that have these labels. */
export function sumOf(samples: Sample[], name: string, labels: Record<string, string> = {}): number {
  const wanted = Object.entries(labels)
  return samples
    .filter(
      (sample) => sample.name === name && wanted.every(([label, value]) => sample.labels[label] === value),
    )
    .reduce((sum, { value }) => sum + value, 0)
}

/** By the values of one label. */
export function byLabel(samples: Sample[], name: string, label: string): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const sample of samples) {
    if (sample.name !== name) continue
    const value = sample.labels[label] ?? ""
    sums[value] = (sums[value] ?? 0) + sample.value
  }
  return sums
}
