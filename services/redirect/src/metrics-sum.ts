import { AggregatorRegistry, type MetricObjectWithValues, type MetricValue, type Registry } from "prom-client"

/** All metrics of a process, as they travel between processes. */
export type Metrics = MetricObjectWithValues<MetricValue<string>>[]

/** The metrics of several processes as those of one, each by its own `aggregator`. */
export function sumMetrics(metrics: Metrics[]): Registry {
  return AggregatorRegistry.aggregate(metrics.map((all) => all.map(withStart)))
}

/** What counts up, and must not fall when its process ends. */
export function countersOf(metrics: Metrics): Metrics {
  // Words, whatever prom-client's types say.
  return metrics.filter(({ type }) => ["counter", "histogram"].includes(String(type)))
}

/** prom-client leaves out when processes started; of several it is when the youngest did. */
function withStart(metric: Metrics[number]): Metrics[number] {
  return metric.aggregator === "omit" ? { ...metric, aggregator: "max" } : metric
}
