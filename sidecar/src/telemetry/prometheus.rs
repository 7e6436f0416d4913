//! The metrics as Prometheus' text format, version 0.0.4.

use super::{
    counters::{Histogram, HistogramSnapshot},
    metrics::{Definition, Metric},
    sources::{Series, Sources, Value},
};
use std::fmt::Write as _;

/// The `content-type` of [`Sources::prometheus`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

impl Sources {
    /// Everything, as `/metrics` answers it. A metric without series is left out.
    pub fn prometheus(&self) -> String {
        let reading = self.read();
        let mut text = String::with_capacity(16 << 10);
        for metric in Metric::ALL {
            let series = reading.series(metric);
            if !series.is_empty() {
                // Writing to a string cannot fail.
                let _ = family(&mut text, &metric.definition(), &series);
            }
        }
        text
    }
}

fn family(out: &mut String, definition: &Definition, series: &[Series]) -> std::fmt::Result {
    let name = definition.prometheus();
    writeln!(out, "# HELP {name} {}", definition.help.replace('\\', "\\\\").replace('\n', "\\n"))?;
    writeln!(out, "# TYPE {name} {}", definition.kind.name())?;
    for Series { labels, value } in series {
        let labels = pairs(definition.labels, labels);
        match value {
            Value::Whole(number) => line(out, &name, &labels, number)?,
            Value::Real(number) => line(out, &name, &labels, number)?,
            Value::Histogram(snapshot) => histogram(out, &name, &labels, snapshot)?,
        }
    }
    Ok(())
}

fn histogram(out: &mut String, name: &str, labels: &str, snapshot: &HistogramSnapshot) -> std::fmt::Result {
    let comma = if labels.is_empty() { "" } else { "," };
    let mut so_far = 0;
    for (at, count) in snapshot.buckets.iter().enumerate() {
        so_far += count;
        let bound = match Histogram::BOUNDS_MICROS.get(at) {
            Some(micros) => seconds(*micros).to_string(),
            None => "+Inf".to_owned(),
        };
        line(out, &format!("{name}_bucket"), &format!("{labels}{comma}le=\"{bound}\""), so_far)?;
    }
    line(out, &format!("{name}_sum"), labels, seconds(snapshot.sum_micros))?;
    line(out, &format!("{name}_count"), labels, so_far)
}

fn line(out: &mut String, name: &str, labels: &str, value: impl std::fmt::Display) -> std::fmt::Result {
    match labels {
        "" => writeln!(out, "{name} {value}"),
        _ => writeln!(out, "{name}{{{labels}}} {value}"),
    }
}

fn pairs(names: &[&str], values: &[String]) -> String {
    let escape = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let pairs: Vec<_> = names.iter().zip(values).map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
    pairs.join(",")
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

/// `METRICS.md`: every metric, for the reader.
pub fn reference() -> String {
    let mut text = String::from(
        "# Metrics\n\n\
         `/metrics` on the health listener answers all of these in Prometheus' text format; with `telemetry.otlp` set \
         they are pushed to the collector too, under their OpenTelemetry names. A histogram's buckets end at ",
    );
    let bounds: Vec<_> = Histogram::BOUNDS_MICROS.iter().map(|micros| seconds(*micros).to_string()).collect();
    text += &bounds.join(", ");
    text += " seconds.\n\nThis file is written by a test of `telemetry.rs` from the list the program itself uses.\n\n\
             | Prometheus | OpenTelemetry | kind | unit | labels | what it tells |\n|---|---|---|---|---|---|\n";
    for definition in Metric::ALL.map(Metric::definition) {
        let labels: Vec<_> = definition.labels.iter().map(|label| format!("`{label}`")).collect();
        let unit = if definition.unit.is_empty() { String::new() } else { format!("`{}`", definition.unit) };
        text += &format!(
            "| `{}` | `{}` | {} | {unit} | {} | {} |\n",
            definition.prometheus(),
            definition.name,
            definition.kind.name(),
            labels.join(", "),
            definition.help
        );
    }
    text
}
