//! What `init` did, for people and for machines.

use super::{
    Made, Place,
    guess::{Change, Guess, Sure},
    samples::{BadLine, Samples},
};
use std::{fmt::Write as _, path::PathBuf};
use tidegate_contracts::diagnostic::shown;

/// What was read, guessed and written.
#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    files: Vec<PathBuf>,
    /// None when it was a topic.
    samples: Option<usize>,
    bad_lines: u64,
    bad: Vec<BadLine>,
    cut: bool,
    left_out: Vec<String>,
    guesses: Vec<Guess>,
    #[serde(skip)]
    contract: PathBuf,
    #[serde(skip)]
    schema: PathBuf,
}

impl Report {
    pub(super) fn new(place: &Place, samples: Option<&Samples>, made: Made, files: Vec<PathBuf>) -> Self {
        Self {
            files,
            samples: samples.map(|samples| samples.good.len()),
            bad_lines: samples.map_or(0, |samples| samples.bad_count),
            bad: samples.map(|samples| samples.bad.clone()).unwrap_or_default(),
            cut: samples.is_some_and(|samples| samples.cut),
            left_out: made.left_out,
            guesses: made.guesses,
            contract: place.contract_file(),
            schema: place.contracts.join(place.schema_name()),
        }
    }

    /// For people.
    pub(super) fn human(&self, color: bool) -> String {
        let paint = |code: &'static str| if color { code } else { "" };
        let (bold, yellow, plain) = (paint("\x1b[1m"), paint("\x1b[33m"), paint("\x1b[0m"));
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text, bold, yellow, plain);
        text
    }

    fn write(&self, out: &mut String, bold: &str, yellow: &str, plain: &str) -> std::fmt::Result {
        if let Some(samples) = self.samples {
            writeln!(out, "read {samples} {}", if samples == 1 { "sample" } else { "samples" })?;
        }
        if self.cut {
            writeln!(out, "{yellow}left the rest unread{plain}: these are enough")?;
        }
        if self.bad_lines > 0 {
            let are = if self.bad_lines == 1 { "line is no event" } else { "lines are no events" };
            writeln!(out, "{yellow}{} {are}{plain} and left out:", self.bad_lines)?;
            for bad in &self.bad {
                writeln!(out, "  line {}: {}", bad.line, shown(&bad.why))?;
            }
            let more = self.bad_lines - self.bad.len() as u64;
            if more > 0 {
                writeln!(out, "  and {more} more")?;
            }
        }
        for path in self.left_out.iter().map(|path| shown(path)) {
            writeln!(out, "{yellow}left out{plain} `{path}`: it will be dropped from every event")?;
        }
        writeln!(out, "\n{bold}guessed{plain}: what, how sure, and why")?;
        let width = |of: fn(&Guess) -> &str| self.guesses.iter().map(|guess| of(guess).chars().count()).max();
        let (paths, guesses) = (width(|guess| &guess.path), width(|guess| &guess.guess));
        let (paths, guesses) = (paths.unwrap_or(0).min(40), guesses.unwrap_or(0).min(40));
        for guess in &self.guesses {
            let sure = match guess.sure {
                Sure::Little => "a little",
                Sure::Fairly => "fairly",
                Sure::Very => "very",
            };
            let (before, after) = if guess.sure == Sure::Little { (yellow, plain) } else { ("", "") };
            let [path, guess, why] = [&guess.path, &guess.guess, &guess.why].map(|text| shown(text));
            writeln!(out, "  {path:paths$}  {guess:guesses$}  {before}{sure:8}{after}  {why}")?;
        }
        writeln!(out, "\nchange types in {}", self.schema.display())?;
        if self.guesses.iter().any(|guess| guess.change == Change::Contract) {
            writeln!(out, "change the rest, such as the key, in {}", self.contract.display())?;
        }
        writeln!(out, "\n{bold}wrote{plain}")?;
        for file in &self.files {
            writeln!(out, "  {}", file.display())?;
        }
        writeln!(out, "\nnext: `tidegate check`, then `tidegate dev` to try it without any server")
    }
}
