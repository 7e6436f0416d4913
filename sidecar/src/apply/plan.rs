//! What an apply would do, for people and for machines.

use super::releases::{NotDone, Release, SubjectPlan};
use serde::Serialize;
use std::fmt::Write as _;
use tidegate_contracts::contract::Compatibility;
use tidegate_topics::plan::{Action, Note, TopicPlan};

/// What an apply would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The domain.
    pub domain: String,
    /// The subjects of the domain's own feeds.
    pub feeds: Vec<SubjectPlan>,
    /// Each contract.
    pub contracts: Vec<ContractPlan>,
    /// The topics of all of them.
    pub topics: TopicPlan,
    /// Keys of the catalog's entries that do not say what the changes log does.
    pub catalog: Vec<String>,
}

/// What an apply would do about one contract.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContractPlan {
    /// `orders.v1`
    pub product: String,
    /// Its version.
    pub version: String,
    /// What becomes of the version.
    pub release: Release,
    /// Its subjects.
    pub subjects: Vec<SubjectPlan>,
}

/// One line of a plan as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    mark: Mark,
    what: &'static str,
    text: String,
    below: Vec<String>,
}

/// What a line means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Add,
    Change,
    /// It stands in the way of all the rest.
    Refused,
    /// It differs, and stays as it is.
    Stays,
    /// Somebody else is at it.
    Wait,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_done(&self) -> bool {
        self.lines().iter().all(|line| line.mark == Mark::Stays)
    }

    /// What keeps all of it from being applied.
    pub fn refusals(&self) -> Vec<NotDone> {
        let of_contracts = self.contracts.iter().flat_map(|contract| {
            let subjects = contract.subjects.iter().filter_map(|subject| subject.refused.as_ref());
            contract.release.refused().into_iter().chain(subjects).cloned()
        });
        let of_feeds = self.feeds.iter().filter_map(|subject| subject.refused.clone());
        let of_topics = self.topics.notes.iter().filter(|note| note.blocking).map(|note| NotDone {
            reason: format!("topic {} {}", note.topic, note.text),
            hint: "have it made, or let tidegate make it: `tidegate.topics: managed`".to_owned(),
        });
        of_feeds.chain(of_contracts).chain(of_topics).collect()
    }

    /// The plan for people.
    pub fn human(&self, color: bool) -> String {
        let lines = self.lines();
        let mut text = String::new();
        for line in &lines {
            line.write(&mut text, color);
        }
        let count = |mark| lines.iter().filter(|line| line.mark == mark).count();
        let counted = [
            (count(Mark::Add), "to add"),
            (count(Mark::Change), "to change"),
            (count(Mark::Wait), "to wait for"),
            (count(Mark::Refused), "refused"),
        ];
        let mut counted: Vec<String> =
            counted.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        let stays = match count(Mark::Stays) {
            0 if counted.is_empty() => Some("all is as the contracts say".to_owned()),
            0 => None,
            1 => Some("1 stays as it is (=)".to_owned()),
            stays => Some(format!("{stays} stay as they are (=)")),
        };
        let gap = if lines.is_empty() { "" } else { "\n" };
        if counted.is_empty() {
            counted.push("nothing to do".to_owned());
        }
        counted.extend(stays);
        let _ = writeln!(text, "{gap}{}: {}", self.domain, counted.join(", "));
        text
    }

    fn lines(&self) -> Vec<Line> {
        let mut lines: Vec<Line> = self.feeds.iter().flat_map(SubjectPlan::lines).collect();
        lines.extend(self.contracts.iter().flat_map(ContractPlan::lines));
        lines.extend(self.topics.actions.iter().map(Line::action));
        lines.extend(self.topics.notes.iter().map(Line::note));
        if !self.catalog.is_empty() {
            lines.push(Line::new(Mark::Add, "catalog", self.catalog.join(", ")));
        }
        lines
    }
}

impl ContractPlan {
    fn lines(&self) -> Vec<Line> {
        let reference = format!("{} {}", self.product, self.version);
        let release = match &self.release {
            Release::Nothing => None,
            Release::Next { after, beside, .. } => {
                let what = match (after, beside.as_slice()) {
                    (Some(after), _) => format!("after {after}"),
                    (None, []) => "the first version".to_owned(),
                    (None, beside) => {
                        let beside: Vec<String> = beside.iter().map(|major| format!("v{major}")).collect();
                        format!("a new major beside {}", beside.join(", "))
                    }
                };
                Some(Line::new(Mark::Add, "release", format!("{reference}, {what}")))
            }
            Release::Busy { by, version, lease } => {
                let text = format!("{reference} once {by}, who is applying {version} and has until {lease}, is done");
                Some(Line::new(Mark::Wait, "release", text))
            }
            Release::Refused(refused) => Some(refused.line("release")),
        };
        let subjects = self.subjects.iter().flat_map(SubjectPlan::lines);
        release.into_iter().chain(subjects).collect()
    }
}

impl SubjectPlan {
    fn lines(&self) -> Vec<Line> {
        let refused = self.refused.as_ref().map(|refused| refused.line("schema"));
        let to = self.level.map_or_else(String::new, |level| format!(", level {}", name(level.to)));
        let register = (self.register && refused.is_none())
            .then(|| Line::new(Mark::Add, "schema", format!("{}{to}", self.subject)));
        let level = self.level.filter(|_| register.is_none()).map(|level| {
            let from = level.from.map_or("the registry's own", name);
            Line::new(Mark::Change, "level", format!("{}: {from} → {}", self.subject, name(level.to)))
        });
        register.into_iter().chain(level).chain(refused).collect()
    }
}

impl NotDone {
    fn line(&self, what: &'static str) -> Line {
        Line { below: vec![format!("way out: {}", self.hint)], ..Line::new(Mark::Refused, what, self.reason.clone()) }
    }
}

impl Line {
    fn new(mark: Mark, what: &'static str, text: impl Into<String>) -> Self {
        Self { mark, what, text: text.into(), below: Vec::new() }
    }

    /// As the action shows itself, its details below it.
    fn action(action: &Action) -> Self {
        let mark = if matches!(action, Action::Create { .. }) { Mark::Add } else { Mark::Change };
        let shown = action.to_string();
        let below = shown.lines().skip(1).map(|line| line.trim().to_owned()).collect();
        Self { below, ..Self::new(mark, "topic", action.topic().to_string()) }
    }

    fn note(note: &Note) -> Self {
        let mark = if note.blocking { Mark::Refused } else { Mark::Stays };
        Self::new(mark, "topic", format!("{} {}", note.topic, note.text))
    }

    fn write(&self, out: &mut String, color: bool) {
        let (sign, paint) = match self.mark {
            Mark::Add => ('+', "\x1b[32m"),
            Mark::Change => ('~', "\x1b[33m"),
            Mark::Refused => ('!', "\x1b[31m"),
            Mark::Stays => ('=', "\x1b[2m"),
            Mark::Wait => ('…', "\x1b[36m"),
        };
        let (paint, plain) = if color { (paint, "\x1b[0m") } else { ("", "") };
        let _ = writeln!(out, "  {paint}{sign} {:<8}{plain} {}", self.what, self.text);
        for below in &self.below {
            let _ = writeln!(out, "               {below}");
        }
    }
}

/// The registry's own name of a level.
fn name(level: Compatibility) -> &'static str {
    match level {
        Compatibility::None => "NONE",
        Compatibility::Backward => "BACKWARD",
        Compatibility::BackwardTransitive => "BACKWARD_TRANSITIVE",
        Compatibility::Forward => "FORWARD",
        Compatibility::ForwardTransitive => "FORWARD_TRANSITIVE",
        Compatibility::Full => "FULL",
        Compatibility::FullTransitive => "FULL_TRANSITIVE",
    }
}

#[cfg(test)]
mod tests;
