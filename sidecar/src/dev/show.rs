//! What `dev` says when it is ready.

use super::{Dev, mesh};
use crate::cli::Context;
use std::time::Duration;

/// Says where everything is, and what to try.
pub(super) fn show(dev: &Dev, took: Duration, context: &Context) {
    context.print(|| human(dev, took, context.color), || json(dev, took));
}

fn json(dev: &Dev, took: Duration) -> serde_json::Value {
    let running = &dev.running;
    serde_json::json!({
        "kafka": running.kafka,
        "usualKafka": dev.usual_kafka,
        "registry": running.registry,
        "domains": running.domains,
        "try": dev.tries,
        "readyAfterMs": took.as_millis() as u64,
    })
}

fn human(dev: &Dev, took: Duration, color: bool) -> String {
    let (bold, dim, plain) = if color { ("\x1b[1m", "\x1b[2m", "\x1b[0m") } else { ("", "", "") };
    let running = &dev.running;
    let width = running.domains.keys().map(String::len).max().unwrap_or(0).max("registry".len());
    let mut text = format!(
        "{bold}ready{plain} after {:.1} s; all of it is in memory and ends with this process\n\n",
        took.as_secs_f64()
    );
    let usual = dev.usual_kafka.map_or_else(String::new, |usual| format!("  {dim}and {usual}{plain}"));
    text += &format!("  {:width$}  {}{usual}\n", "kafka", running.kafka);
    text += &format!("  {:width$}  {}\n", "registry", running.registry);
    for (domain, at) in &running.domains {
        let data = at.data.as_deref().unwrap_or("publishes nothing");
        text += &format!("  {domain:width$}  {data}  {dim}admin {}  health {}{plain}\n", at.admin, at.health);
    }
    if !dev.tries.is_empty() {
        text += &format!("\n{bold}try{plain}\n");
    }
    for attempt in &dev.tries {
        text += &format!("  {dim}# {}{plain}\n  {}\n", attempt.shows, attempt.command);
    }
    text += "\n";
    if dev.place.sample {
        text += &format!(
            "the sample mesh is in {0}/, to be edited; in another terminal:\n  cd {0}/sales && tidegate plan\n",
            mesh::FOLDER
        );
    } else {
        text += "commands in another terminal find this in the same folder, such as `tidegate plan`\n";
    }
    text + "ctrl-c ends it\n"
}
