//! `tidegate check`: what is wrong in files, without any server.

mod files;
mod subscription;

#[cfg(test)]
mod tests;

use crate::{
    cli::{Context, Exit, Failure, Findings},
    config::Config,
    file, product,
};
use files::{Found, Kind};
use serde_json::{Value, json};
use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};
use tidegate_contracts::{
    contract::{Contract, Enforced, Policy},
    diagnostic::{Level, shown},
    schema::Schema,
};

/// What `check` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
With -v every clause of each contract is listed, and where it is enforced. Ends with 1 when there are errors; warnings \
and advice are no errors.

  tidegate check                     the sidecar's file, its contracts and subscriptions
  tidegate check contracts/ -v       the contracts of a folder")]
pub struct Args {
    /// Contracts (*.odcs.yaml), Avro schemas (*.avsc), subscriptions (*.subscription.yaml), sidecars' files
    /// (tidegate.yaml) with all they name, or folders of them [default: the sidecar's file]
    pub files: Vec<PathBuf>,
}

/// What was checked, and what was found.
#[derive(Debug, Default)]
pub struct Report {
    /// The contracts that can be used.
    pub contracts: Vec<Arc<Contract>>,
    /// What is wrong, or worth knowing.
    pub findings: Findings,
    /// How many files of each kind were read.
    checked: [usize; Kind::ALL.len()],
}

/// Checks files and shows every problem. Asks no server.
///
/// # Errors
/// When the sidecar's file is named by `--config`, or nothing is named at all, and it cannot be read.
pub async fn run(args: Args, context: &Context) -> anyhow::Result<Exit> {
    let policy = match &context.config {
        Some(path) => Config::load(path)?.drift.policy(),
        None => Policy::default(),
    };
    let report = match args.files.as_slice() {
        // As `run` would read it: not there is an error of the command, not of a file.
        [] => {
            context.load_config()?;
            check(&[context.config_path().to_owned()], &policy)
        }
        files => check(files, &policy),
    };
    context.print(|| report.human(context.color, context.verbose > 0), || report.machine());
    Ok(if report.findings.has_errors() { Exit::Refused } else { Exit::Success })
}

/// Checks files and folders. The policy is for contracts that stand alone; those that a sidecar's file names have that
/// file's.
pub fn check(paths: &[PathBuf], policy: &Policy) -> Report {
    let mut report = Report::default();
    let mut found: Vec<Found> = Vec::new();
    for path in paths {
        match files::find(path) {
            Ok(files) => found.extend(files),
            Err(diagnostic) => report.findings.diagnostics.push(diagnostic),
        }
    }
    found.sort_by(|a, b| (a.kind, &a.path).cmp(&(b.kind, &b.path)));
    found.dedup_by(|a, b| a.same(b));
    // What a sidecar's file names is checked with it, and not once more on its own.
    let mut covered: Vec<PathBuf> = Vec::new();
    for file in found.iter().filter(|file| file.kind == Kind::Sidecar) {
        report.sidecar(file, &mut covered);
    }
    for file in found.iter().filter(|file| !covered.iter().any(|folder| file.is_below(folder))) {
        match file.kind {
            Kind::Sidecar => {}
            Kind::Contract => report.contract(file, policy),
            Kind::Schema => report.schema(file),
            Kind::Subscription => report.subscription(file),
        }
    }
    report.findings.diagnostics.sort_by(|a, b| (&a.file, a.position).cmp(&(&b.file, b.position)));
    report.contracts.sort_by_key(|contract| contract.reference());
    report
}

impl Report {
    fn sidecar(&mut self, file: &Found, covered: &mut Vec<PathBuf>) {
        self.count(Kind::Sidecar, 1);
        let config = match Config::load(&file.path) {
            Ok(config) => config,
            Err(failure) => return self.failure(&file.path, failure),
        };
        let contracts = files::shown(&config.contracts);
        match product::load(&contracts, &config.domain, &config.drift.policy()) {
            Ok(loaded) => {
                self.count(Kind::Contract, loaded.contracts.len());
                self.contracts.extend(loaded.contracts);
                self.take(loaded.findings);
            }
            Err(failure) => {
                self.count(Kind::Contract, files::below(&contracts, Kind::Contract).len());
                self.failure(&contracts, failure);
            }
        }
        for file in files::below(&files::shown(&config.subscriptions), Kind::Subscription) {
            self.subscription(&file);
        }
        covered.extend([config.contracts, config.subscriptions]);
    }

    fn contract(&mut self, file: &Found, policy: &Policy) {
        self.count(Kind::Contract, 1);
        let contract = product::read(&file.path, policy, &mut self.findings);
        self.contracts.extend(contract.map(Arc::from));
    }

    fn schema(&mut self, file: &Found) {
        self.count(Kind::Schema, 1);
        let Some((name, text)) = self.read(&file.path) else { return };
        let (level, found) = match Schema::parse(&text) {
            Ok(schema) => (Level::Warning, schema.warnings().to_vec()),
            Err(error) => (Level::Error, error.findings),
        };
        self.findings.diagnostics.extend(found.iter().map(|found| found.of_file(&name, level)));
    }

    fn subscription(&mut self, file: &Found) {
        self.count(Kind::Subscription, 1);
        if let Some((name, text)) = self.read(&file.path) {
            self.findings.diagnostics.extend(subscription::check(&name, &text));
        }
    }

    /// A file's name and text. That it cannot be read is something found in it.
    fn read(&mut self, path: &Path) -> Option<(String, String)> {
        let name = path.display().to_string();
        match file::read(path) {
            Ok(text) => {
                self.findings.texts.insert(name.clone(), text.clone());
                Some((name, text))
            }
            Err(diagnostic) => {
                self.findings.diagnostics.push(diagnostic);
                None
            }
        }
    }

    fn failure(&mut self, path: &Path, failure: Failure) {
        if failure.findings.diagnostics.is_empty() {
            let cause = failure.source.as_ref().map(|cause| format!(": {cause}")).unwrap_or_default();
            let message = format!("{}{cause}", failure.message);
            self.findings.diagnostics.push(file::problem(path, "unreadable", message, failure.hint.as_deref()));
        }
        self.take(failure.findings);
    }

    fn take(&mut self, findings: Findings) {
        self.findings.diagnostics.extend(findings.diagnostics);
        self.findings.texts.extend(findings.texts);
    }

    fn count(&mut self, kind: Kind, files: usize) {
        self.checked[kind as usize] += files;
    }

    fn levels(&self) -> [usize; 3] {
        let count = |level| self.findings.diagnostics.iter().filter(|found| found.level == level).count();
        [Level::Error, Level::Warning, Level::Advice].map(count)
    }

    /// For people: what was found, where the clauses are enforced, and a last line that sums up.
    pub fn human(&self, color: bool, verbose: bool) -> String {
        let mut text = self.findings.human(color);
        for contract in &self.contracts {
            let _ = writeln!(text, "{}: {}", contract.reference(), enforcement(contract));
            for clause in contract.clauses.iter().filter(|_| verbose) {
                let line = clause.position.map_or_else(String::new, |position| position.line.to_string());
                let path = if clause.path.is_root() { String::new() } else { format!("{}: ", clause.path) };
                let clause = format!("{path}{} [{}]", clause.clause, clause.enforced);
                let _ = writeln!(text, "{line:>6}  {}", shown(&clause));
            }
        }
        let files: Vec<String> = Kind::ALL
            .into_iter()
            .filter(|kind| self.checked[*kind as usize] > 0)
            .map(|kind| plural(self.checked[kind as usize], kind.noun()))
            .collect();
        let files = if files.is_empty() { "nothing".to_owned() } else { files.join(", ") };
        let [errors, warnings, advice] = self.levels();
        let mut found = vec![plural(errors, "error"), plural(warnings, "warning")];
        found.extend((advice > 0).then(|| format!("{advice} advice")));
        let _ = writeln!(text, "checked {files}: {}", found.join(", "));
        text
    }

    /// The same for machines.
    pub fn machine(&self) -> Value {
        let contracts: Vec<Value> = self.contracts.iter().map(|contract| describe(contract)).collect();
        let checked: serde_json::Map<String, Value> =
            Kind::ALL.into_iter().map(|kind| (kind.key().to_owned(), self.checked[kind as usize].into())).collect();
        let [errors, warnings, advice] = self.levels();
        json!({
            "checked": checked,
            "contracts": contracts,
            "diagnostics": self.findings.diagnostics,
            "errors": errors,
            "warnings": warnings,
            "advice": advice,
        })
    }
}

/// How many clauses are enforced where.
fn enforcement(contract: &Contract) -> String {
    let count = |enforced| contract.clauses.iter().filter(|clause| clause.enforced == enforced).count();
    let counts = Enforced::ALL.map(|enforced| (count(enforced), enforced));
    let counts: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, enforced)| format!("{count} {enforced}")).collect();
    format!("clauses: {}", counts.join(", "))
}

fn describe(contract: &Contract) -> Value {
    let clauses: Vec<Value> = contract
        .clauses
        .iter()
        .map(|clause| {
            json!({
                "path": clause.path.to_string(),
                "clause": clause.clause,
                "enforced": clause.enforced,
                "position": clause.position,
            })
        })
        .collect();
    json!({
        "contract": contract.reference(),
        "topic": contract.topic,
        "subject": contract.subject,
        "key": contract.key.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "onViolation": contract.on_violation,
        "clauses": clauses,
    })
}

fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
