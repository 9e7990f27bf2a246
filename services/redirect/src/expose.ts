import { type Aggregator, Counter, Gauge, type Registry } from "prom-client"

export type Labelled = [labels: Record<string, string>, value: number]

/** Metrics that are only views: filled when Prometheus asks. Those of several workers are summed, unless `over` says otherwise. */
export type Expose = {
  counter(name: string, help: string, labels: string[], read: () => Labelled[]): void
  gauges(name: string, help: string, labels: string[], read: () => Labelled[], over?: Aggregator): void
  gauge(name: string, help: string, read: () => number, over?: Aggregator): void
}

export function createExpose(registry: Registry): Expose {
  const gauges: Expose["gauges"] = (...metric) => expose(Gauge, registry, ...metric)
  return {
    counter: (...metric) => expose(Counter, registry, ...metric),
    gauges,
    gauge: (name, help, read, over) => gauges(name, help, [], () => [[{}, read()]], over),
  }
}

export function byKey(label: string, counts: Record<string, number>): Labelled[] {
  return Object.entries(counts).map(([key, count]) => [{ [label]: key }, count])
}

function expose(
  Metric: typeof Counter<string> | typeof Gauge<string>,
  registry: Registry,
  name: string,
  help: string,
  labelNames: string[],
  read: () => Labelled[],
  aggregator: Aggregator = "sum",
): void {
  new Metric({
    name,
    help,
    labelNames,
    aggregator,
    registers: [registry],
    collect() {
      this.reset()
      for (const [labels, value] of read()) this.inc(labels, value)
    },
  })
}
