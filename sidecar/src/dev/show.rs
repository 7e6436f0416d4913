//! What `dev` says when it is ready.

use super::{Dev, mesh};
use crate::cli::Context;
use std::{
    io::{self, Write as _},
    time::Duration,
};

/// Says where everything is, and what to try. Whoever closed our output does not want to know.
pub(super) fn show(dev: &Dev, took: Duration, context: &Context) {
    let text = if context.json() { json(dev, took) } else { human(dev, took, context.color) };
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn json(dev: &Dev, took: Duration) -> String {
    let running = &dev.running;
    let document = serde_json::json!({
        "kafka": running.kafka,
        "registry": running.registry,
        "domains": running.domains,
        "try": dev.tries,
        "readyAfterMs": took.as_millis() as u64,
    });
    document.to_string() + "\n"
}

fn human(dev: &Dev, took: Duration, color: bool) -> String {
    let (bold, dim, plain) = if color { ("\x1b[1m", "\x1b[2m", "\x1b[0m") } else { ("", "", "") };
    let running = &dev.running;
    let width = running.domains.keys().map(String::len).max().unwrap_or(0).max("registry".len());
    let mut text = format!(
        "{bold}ready{plain} after {:.1} s; all of it is in memory and ends with this process\n\n",
        took.as_secs_f64()
    );
    text += &format!("  {:width$}  {}\n", "kafka", running.kafka);
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
