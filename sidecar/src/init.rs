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
mod topic;

use crate::{
    cli::{Context, Exit, Failure},
    config::Config,
    dev::{USUAL_KAFKA, USUAL_REGISTRY},
};
use files::ContractFile;
use key::Keys;
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
    plan::{JsonForm, Limits, Outcome, Plan, Verdict},
    schema::Schema,
};
use topic::Asked;

/// What `init` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Writes contracts/PRODUCT.odcs.yaml, contracts/PRODUCT.avsc and tidegate.yaml, and lists every guess with its reason.

  tidegate init orders.ndjson --domain sales
  tidegate init --topic sales.orders.v1 --domain sales --kafka localhost:9092 --registry http://localhost:8081")]
pub struct Args {
    /// Sample events, one JSON object a line; `-` is standard input. They, or --topic, are needed
    #[arg(value_name = "SAMPLES", conflicts_with = "topic")]
    pub samples: Option<PathBuf>,
    /// Start from a topic that is there already, and its schema in the registry
    #[arg(long, value_name = "NAME")]
    pub topic: Option<String>,
    /// The subject of the topic's schema [default: TOPIC-value]
    #[arg(long, value_name = "NAME", requires = "topic")]
    pub subject: Option<String>,
    /// Kafka's address [default: that of the folder's tidegate.yaml, else localhost:9092]
    #[arg(long, value_name = "HOST:PORT")]
    pub kafka: Option<String>,
    /// The schema registry's URL [default: that of the folder's tidegate.yaml, else http://localhost:8081]
    #[arg(long, value_name = "URL")]
    pub registry: Option<String>,
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

/// Makes a working folder from samples or from a topic.
///
/// # Errors
/// When nothing can be learned from the samples, a server cannot be reached, or a file is in the way.
pub async fn run(args: Args, context: &Context) -> anyhow::Result<Exit> {
    if args.samples.is_none() && args.topic.is_none() {
        return Err(nothing_named().into());
    }
    let place = Place::find(&args)?;
    let (made, samples) = match (&args.samples, &args.topic) {
        (Some(samples), _) => {
            let samples = read_samples(samples)?;
            (make(&samples, &place, &args)?, Some(samples))
        }
        (None, Some(topic)) => {
            let asked = Asked { topic, subject: args.subject.as_deref(), keys: Keys::default().or(&args) };
            let mut config = place.config()?;
            context.offer_dev(&args.folder, &mut config);
            (topic::make(asked, &place, &config).await?, None)
        }
        (None, None) => return Err(nothing_named().into()),
    };
    let written = place.write(&made, args.force)?;
    let report = Report::new(&place, samples.as_ref(), made, written);
    context.print(|| report.human(context.color), || serde_json::json!(report));
    Ok(Exit::Success)
}

fn nothing_named() -> Failure {
    let hint = "name a file of sample events, `-` for standard input, or a topic that is there already with `--topic`";
    Failure::usage("neither samples nor a topic were named").hint(hint)
}

/// Where the files go, and what they are about.
#[derive(Debug)]
struct Place {
    domain: String,
    product: String,
    /// The sidecar's file, and its text when it is not there yet.
    sidecar: PathBuf,
    new_sidecar: Option<String>,
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
        let existing = if sidecar.exists() { Some(Config::load(&sidecar)?) } else { None };
        let contracts =
            existing.as_ref().map_or_else(|| args.folder.join("contracts"), |config| config.contracts.clone());
        if existing.is_some() && (args.kafka.is_some() || args.registry.is_some()) {
            let message = format!("{} says already where Kafka and the registry are", sidecar.display());
            return Err(
                Failure::usage(message).hint("leave `--kafka` and `--registry` out, or choose another `--folder`")
            );
        }
        let known = existing.map(|config| config.domain);
        let sidecar_exists = known.is_some();
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
            None => product_of(args)?,
        };
        for (what, name) in [("domain", &domain), ("product", &product)] {
            if !is_word(name) || (what == "product" && name.starts_with("tidegate-")) {
                let message = format!("`{name}` is no {what}: it has small letters, digits and hyphens");
                let hint = "begin with a letter, and not with `tidegate-`, which is reserved";
                return Err(Failure::usage(message).hint(hint));
            }
        }
        let new_sidecar = (!sidecar_exists).then(|| {
            let kafka = args.kafka.as_deref().unwrap_or(USUAL_KAFKA);
            let registry = args.registry.as_deref().unwrap_or(USUAL_REGISTRY);
            files::sidecar(&domain, kafka, registry)
        });
        Ok(Self { domain, product, sidecar, new_sidecar, contracts })
    }

    /// The sidecar's configuration, written or not.
    fn config(&self) -> Result<Config, Failure> {
        let Some(text) = &self.new_sidecar else { return Config::load(&self.sidecar) };
        let file = self.sidecar.display().to_string();
        let environment = std::env::vars_os();
        let overrides =
            environment.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Config::parse(&file, text, overrides).map_err(|found| Config::invalid(&file, text, found))
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
        if let Some(sidecar) = &self.new_sidecar {
            all.push((self.sidecar.clone(), sidecar.clone()));
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

/// The product's name from that of the topic or of the samples' file.
fn product_of(args: &Args) -> Result<String, Failure> {
    let name = match (&args.topic, &args.samples) {
        (Some(topic), _) => Some(topic::product_of(topic).0),
        (None, Some(samples)) => {
            let stem = samples.file_stem().and_then(|stem| stem.to_str()).filter(|stem| *stem != "-");
            stem.map(|stem| guess::words(stem).join("-"))
        }
        (None, None) => None,
    };
    name.filter(|name| is_word(name)).ok_or_else(|| {
        let failure = Failure::usage("the product's name cannot be told from where its events are");
        failure.hint("name it, as with `--product orders`")
    })
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
    keys = keys.or(args);
    key_guesses.retain(|guess| match guess.path.as_str() {
        "key" => args.key.is_none(),
        _ => args.event_id.is_none(),
    });
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

/// The plan of a contract that is about to be written.
fn usable(place: &Place, contract: &str, schema: &str) -> Result<Plan, Failure> {
    let file = place.contract_file().display().to_string();
    let parsed = Contract::parse(&file, contract, &Policy::default(), &|_| Ok(schema.to_owned()));
    let Some(checked) = parsed.contract else {
        let message = "the contract that this leads to has errors; it was not written";
        let texts = [(file, contract.to_owned())];
        return Err(Failure::files(message, parsed.diagnostics, texts)
            .hint("if `--key` or `--event-id` name a field that may be missing or null, choose another"));
    };
    checked.plan(Limits::default()).map_err(|problems| {
        let why: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Failure::refused("the contract that this leads to cannot be used").caused_by(why.join("; "))
    })
}

/// The paths at which the contract rejects samples.
fn rejected(samples: &Samples, place: &Place, contract: &str, schema: &str) -> Result<BTreeSet<String>, Failure> {
    let plan = usable(place, contract, schema)?;
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
