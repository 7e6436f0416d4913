//! `tidegate init`: a contract, its Avro schema and a configuration, from samples or from what runs already.
//!
//! From samples everything is a guess, so every guess is listed: what, how sure, why, and where to change it. No value
//! of a sample is shown; only an enum's symbols, which are part of the contract, get into a file.

mod avro;
mod files;
mod guess;
mod key;
mod layout;
mod report;
mod samples;
mod shape;

use crate::{
    cli::{Context, Exit, Failure},
    config::Config,
};
use anyhow::Context as _;
use files::ContractFile;
use report::Report;
use samples::Samples;
use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};
use tidegate_contracts::{
    contract::{Contract, Policy},
    path::FieldPath,
    plan::{JsonForm, Limits, Outcome, Verdict},
    schema::Schema,
};

/// What `init` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Sample events, one JSON object a line; `-` is standard input
    #[arg(value_name = "SAMPLES")]
    pub samples: PathBuf,
    /// The domain [default: that of the folder's tidegate.yaml]
    #[arg(long)]
    pub domain: Option<String>,
    /// The product [default: the name of the samples' file]
    #[arg(long)]
    pub product: Option<String>,
    /// Where to write
    #[arg(long, default_value = ".")]
    pub folder: PathBuf,
    /// The field that says what an event is about [default: guessed]
    #[arg(long, value_name = "PATH")]
    pub key: Option<FieldPath>,
    /// The field that is the event's own id [default: guessed]
    #[arg(long, value_name = "PATH")]
    pub event_id: Option<FieldPath>,
    /// Write over files that are there
    #[arg(long)]
    pub force: bool,
    /// Leave fields out whose names Avro does not take; they will be dropped from every event
    #[arg(long)]
    pub leave_out: bool,
}

/// Makes a working folder from samples.
///
/// # Errors
/// When nothing can be learned from the samples, or a file is in the way.
pub async fn run(args: Args, context: &Context) -> anyhow::Result<Exit> {
    let place = Place::find(&args)?;
    let samples = read_samples(&args.samples)?;
    let made = make(&samples, &place, &args)?;
    let written = place.write(&made, args.force)?;
    let report = Report::new(&place, &samples, made, written);
    match context.json() {
        true => println!("{}", serde_json::to_string(&report).context("the report is not JSON")?),
        false => print!("{}", report.human(context.color)),
    }
    Ok(Exit::Success)
}

/// Where the files go, and what they are about.
#[derive(Debug)]
struct Place {
    domain: String,
    product: String,
    /// The sidecar's file, and whether it is there already.
    sidecar: PathBuf,
    sidecar_exists: bool,
    contracts: PathBuf,
}

/// What is to be written.
#[derive(Debug)]
struct Made {
    schema: String,
    contract: String,
    guesses: Vec<guess::Guess>,
    left_out: Vec<String>,
}

impl Place {
    fn find(args: &Args) -> Result<Self, Failure> {
        let sidecar = args.folder.join("tidegate.yaml");
        let sidecar_exists = sidecar.exists();
        let (known, contracts) = match sidecar_exists {
            true => {
                let config = Config::load(&sidecar)?;
                (Some(config.domain), config.contracts)
            }
            false => (None, args.folder.join("contracts")),
        };
        let domain = match (&args.domain, known) {
            (Some(asked), Some(known)) if *asked != known => {
                let message = format!("{} is of the domain `{known}`, not `{asked}`", sidecar.display());
                return Err(Failure::refused(message).hint("leave `--domain` out, or choose another `--folder`"));
            }
            (Some(domain), _) => domain.clone(),
            (None, Some(domain)) => domain,
            (None, None) => {
                let message = "which domain owns this product?";
                return Err(Failure::usage(message).hint("name it, as with `--domain sales`"));
            }
        };
        let product = match &args.product {
            Some(product) => product.clone(),
            None => product_of(&args.samples)?,
        };
        for (what, name) in [("domain", &domain), ("product", &product)] {
            if !is_word(name) || (what == "product" && name.starts_with("tidegate-")) {
                let message = format!("`{name}` is no {what}: it has small letters, digits and hyphens");
                let hint = "begin with a letter, and not with `tidegate-`, which is reserved";
                return Err(Failure::usage(message).hint(hint));
            }
        }
        Ok(Self { domain, product, sidecar, sidecar_exists, contracts })
    }

    fn contract_file(&self) -> PathBuf {
        self.contracts.join(format!("{}.odcs.yaml", self.product))
    }

    fn schema_name(&self) -> String {
        format!("{}.avsc", self.product)
    }

    /// Writes the files and says which. What the sidecar's file says is kept.
    fn write(&self, made: &Made, force: bool) -> Result<Vec<PathBuf>, Failure> {
        let mut all = vec![
            (self.contracts.join(self.schema_name()), made.schema.clone()),
            (self.contract_file(), made.contract.clone()),
        ];
        if !self.sidecar_exists {
            let sidecar = files::sidecar(&self.domain, "localhost:9092", "http://localhost:8081");
            all.push((self.sidecar.clone(), sidecar));
        }
        // All or none, as far as it can be told beforehand.
        if let Some((path, _)) = all.iter().find(|(path, _)| !force && path.exists()) {
            return Err(in_the_way(path));
        }
        let failed = |path: &Path, error: io::Error| {
            Failure::refused(format!("{} cannot be written", path.display())).caused_by(error)
        };
        fs::create_dir_all(&self.contracts).map_err(|error| failed(&self.contracts, error))?;
        for (path, text) in &all {
            let mut options = fs::OpenOptions::new();
            options.write(true).create_new(!force).create(true).truncate(true);
            let mut file = options.open(path).map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => in_the_way(path),
                _ => failed(path, error),
            })?;
            file.write_all(text.as_bytes()).map_err(|error| failed(path, error))?;
        }
        Ok(all.into_iter().map(|(path, _)| path).collect())
    }
}

fn in_the_way(path: &Path) -> Failure {
    let message = format!("{} is there already", path.display());
    Failure::refused(message).hint("write over it with `--force`, or choose another `--product` or `--folder`")
}

/// The product's name from that of the samples' file.
fn product_of(samples: &Path) -> Result<String, Failure> {
    let unknown = || {
        let hint = "name it, as with `--product orders`";
        Failure::usage("the product's name cannot be told from that of the samples' file").hint(hint)
    };
    let stem = samples.file_stem().and_then(|stem| stem.to_str()).filter(|stem| *stem != "-").ok_or_else(unknown)?;
    let name = guess::words(stem).join("-");
    if is_word(&name) { Ok(name) } else { Err(unknown()) }
}

/// Whether a text is `[a-z][a-z0-9-]*` and not too long for a topic's name.
fn is_word(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn read_samples(path: &Path) -> Result<Samples, Failure> {
    let failed = |error: io::Error| Failure::refused(format!("{} cannot be read", path.display())).caused_by(error);
    let samples = match path == Path::new("-") {
        true => Samples::read(io::stdin().lock()),
        false => fs::File::open(path).and_then(Samples::read),
    };
    let samples = samples.map_err(failed)?;
    if samples.good.is_empty() {
        let message = format!("{} has no sample event", path.display());
        let mut failure = Failure::refused(message).hint(
            "write one JSON object a line; `jq -c .` puts one object on a line, and `jq -c '.[]'` takes an array apart",
        );
        if let Some(bad) = samples.bad.first() {
            failure = failure.caused_by(format!("line {}: {}", bad.line, bad.why));
        }
        return Err(failure);
    }
    Ok(samples)
}

/// Guesses, and holds the guess against every sample: where a plan rejects one, less is guessed there.
fn make(samples: &Samples, place: &Place, args: &Args) -> Result<Made, Failure> {
    let (mut keys, mut key_guesses) = key::guess(&samples.shape, &place.product);
    let chosen = [(&args.key, &mut keys.key, "key"), (&args.event_id, &mut keys.event_id, "event id")];
    for (asked, into, what) in chosen {
        if let Some(path) = asked {
            *into = Some(path.to_string());
            key_guesses.retain(|guess| guess.path != what);
        }
    }
    let mut plain = BTreeSet::new();
    loop {
        let (name, namespace) = (guess::type_name(&place.product), place.domain.replace('-', "_"));
        let guessed = guess::schema(&samples.shape, &name, &namespace, &plain);
        if !guessed.unnameable.is_empty() && !args.leave_out {
            return Err(unnameable(&guessed.unnameable));
        }
        let schema = guessed.schema.text();
        let parsed = Schema::parse(&schema)
            .map_err(|error| Failure::refused("the schema that these samples suggest is none").caused_by(error))?;
        let origin = format!("Guessed by `tidegate init` from {} samples.", samples.good.len());
        let contract = ContractFile {
            origin: &origin,
            domain: &place.domain,
            product: &place.product,
            version: "1.0.0",
            schema_file: &place.schema_name(),
            properties: files::properties(&parsed),
            keys: &keys,
            custom: Vec::new(),
            physical_name: None,
        };
        let text = contract.text();
        let refused = rejected(samples, place, &text, &schema)?;
        let finer: BTreeSet<String> = refused.difference(&plain).cloned().collect();
        if finer.is_empty() {
            if let Some(path) = refused.first() {
                let message = format!("no contract was found that takes what stands at `{path}` in every sample");
                return Err(Failure::refused(message).hint("take those samples out, or write the contract by hand"));
            }
            let guesses = guessed.guesses.into_iter().chain(key_guesses).collect();
            return Ok(Made { schema, contract: text, guesses, left_out: guessed.unnameable });
        }
        plain.extend(finer);
    }
}

/// The paths at which the contract rejects samples.
fn rejected(samples: &Samples, place: &Place, contract: &str, schema: &str) -> Result<BTreeSet<String>, Failure> {
    let file = place.contract_file().display().to_string();
    let parsed = Contract::parse(&file, contract, &Policy::default(), &|_| Ok(schema.to_owned()));
    let Some(contract) = parsed.contract else {
        let message = "the contract that these samples suggest has errors; it was not written";
        let texts = [(file, contract.to_owned())];
        return Err(Failure::files(message, parsed.diagnostics, texts)
            .hint("if `--key` or `--event-id` name a field that may be missing or null, choose another"));
    };
    let plan = contract.plan(Limits::default()).map_err(|problems| {
        let why: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Failure::refused("the contract that these samples suggest cannot be used").caused_by(why.join("; "))
    })?;
    let (mut paths, mut body, mut outcome) = (BTreeSet::new(), Vec::new(), Outcome::default());
    for line in &samples.good {
        body.clear();
        if plan.encode_json(line, JsonForm::Plain, &mut body, &mut outcome) != Verdict::Sound {
            paths.extend(outcome.violations.listed.iter().map(|violation| violation.path.clone()));
        }
    }
    Ok(paths)
}

fn unnameable(paths: &[String]) -> Failure {
    let names: Vec<String> = paths.iter().map(|path| format!("`{path}`")).collect();
    let message = format!("Avro does not take these names of fields: {}", names.join(", "));
    Failure::refused(message).hint(
        "let the producer rename them (letters, digits and underscores, no digit first), or leave them out with \
         `--leave-out`: they will be dropped from every event, and each receipt will say so",
    )
}

#[cfg(test)]
mod tests;
