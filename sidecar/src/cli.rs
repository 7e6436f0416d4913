//! The command line: one module a command, and what they share.
//!
//! Each command is `run(args, &Context) -> anyhow::Result<Exit>`. An error whose chain holds a [`Failure`] ends with that
//! failure's exit code and shows its way out; any other ends with [`Exit::Refused`].

mod failure;
mod findings;

pub use failure::{Exit, Failure};
pub use findings::Findings;

use crate::{
    app, apply, check,
    config::{self, Config},
    dev, health, init, quarantine,
    telemetry::Telemetry,
};
use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};
use std::{
    collections::BTreeMap,
    io::{IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    pin::Pin,
    process::ExitCode,
    time::Duration,
};

/// Publishes a data domain's products as versioned, validated Kafka topics.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, about, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "\
Exit codes: 0 success, 1 invalid or refused, 2 wrong usage, 3 there are changes (with --exit-code), \
4 a server could not be reached")]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Options of every command")]
struct Global {
    /// The sidecar's file [default: ./tidegate.yaml]
    #[arg(long, global = true, value_name = "FILE", env = "TIDEGATE_CONFIG")]
    config: Option<PathBuf>,
    /// For people, or JSON for machines
    #[arg(long, global = true, value_enum, default_value_t = Output::Human)]
    output: Output,
    /// Colours
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,
    /// More log: -v for debug, -vv for trace; `check -v` lists every clause
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a contract and configuration from samples or from an existing topic
    Init(init::Args),
    /// Serve: take events and publish them
    Run(app::Args),
    /// Ask a running sidecar whether it is ready
    Health(health::Args),
    /// Check contracts and configuration, without any server
    Check(check::Args),
    /// Show what `apply` would do
    Plan(apply::PlanArgs),
    /// Make topics, schemas and catalog as the contracts say
    Apply(apply::ApplyArgs),
    /// List, show and replay events that broke their contract
    Quarantine(quarantine::Args),
    /// Print a completion script for a shell
    Completions(Completions),
    /// Serve with an embedded broker and registry, for trying things out
    Dev(dev::Args),
}

#[derive(Debug, clap::Args)]
struct Completions {
    /// The shell
    shell: clap_complete::Shell,
}

/// Who reads what a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// People.
    Human,
    /// Machines: JSON on standard output, one document a line.
    Json,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

/// What a command knows of how it was called.
#[derive(Debug, Clone)]
pub struct Context {
    /// `--config` or `TIDEGATE_CONFIG`, when given.
    pub config: Option<PathBuf>,
    /// Who reads the output.
    pub output: Output,
    /// Whether standard output takes colours.
    pub color: bool,
    /// How often `-v` was given.
    pub verbose: u8,
}

impl Cli {
    /// Runs the command, reports an error if there is one, and says how the process ends.
    pub async fn run(self) -> ExitCode {
        let context = self.global.context();
        let log = match &self.command {
            // These set up their own, as their file says.
            Command::Run(_) | Command::Dev(_) => None,
            _ => context.log(),
        };
        // Each is compiled once, behind a pointer, not once more for every way in which a runtime can poll.
        let command: Pin<Box<dyn Future<Output = anyhow::Result<Exit>> + '_>> = match self.command {
            Command::Init(args) => Box::pin(init::run(args, &context)),
            Command::Run(args) => Box::pin(app::run(args, &context)),
            Command::Health(args) => Box::pin(health::run(args, &context)),
            Command::Check(args) => Box::pin(check::run(args, &context)),
            Command::Plan(args) => Box::pin(apply::run_plan(args, &context)),
            Command::Apply(args) => Box::pin(apply::run_apply(args, &context)),
            Command::Quarantine(args) => Box::pin(quarantine::run(args, &context)),
            Command::Dev(args) => Box::pin(dev::run(args, &context)),
            Command::Completions(Completions { shell }) => {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut Self::command(), "tidegate", &mut script);
                print(&String::from_utf8_lossy(&script));
                Box::pin(std::future::ready(Ok(Exit::Success)))
            }
        };
        let result = command.await;
        if let Some(log) = log {
            log.shutdown(Duration::ZERO).await;
        }
        let exit = result.unwrap_or_else(|error| context.report(&error));
        ExitCode::from(exit as u8)
    }
}

impl Global {
    fn context(self) -> Context {
        let color = match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => std::env::var_os("NO_COLOR").is_none() && std::io::stdout().is_terminal(),
        };
        Context { config: self.config, output: self.output, color, verbose: self.verbose }
    }
}

impl Context {
    /// The sidecar's file: the one given, else `./tidegate.yaml`.
    pub fn config_path(&self) -> &Path {
        self.config.as_deref().unwrap_or(Path::new("tidegate.yaml"))
    }

    /// The log of a command that ends by itself: warnings, and more with `-v`. What librdkafka says of connections is
    /// left out, since the command's own error says it better.
    fn log(&self) -> Option<Telemetry> {
        let logs = config::Logs { level: "warn,librdkafka=off".to_owned(), ..config::Logs::default() };
        let config = config::Telemetry { logs, ..config::Telemetry::default() };
        // A wrong RUST_LOG is no reason not to do what was asked.
        Telemetry::install(&config, BTreeMap::new(), "", self.verbose).ok()
    }

    /// Reads the sidecar's file, with the environment's overrides.
    ///
    /// # Errors
    /// A [`Failure`] that shows every problem of the file with its place.
    pub fn load_config(&self) -> Result<Config, Failure> {
        Config::load(self.config_path())
    }

    /// As [`Context::load_config`], for a command that talks to Kafka or the registry: where a `tidegate dev` runs in
    /// the folder of the file or above and the file names no servers of its own, those of `dev` take their place. The
    /// `dev` comes along if they do.
    ///
    /// # Errors
    /// As [`Context::load_config`].
    pub fn load_config_for_servers(&self) -> Result<(Config, Option<dev::Running>), Failure> {
        if let Some(running) = self.above(Path::new(".")) {
            let config = Some(running.folder.join("tidegate.yaml"));
            return Self { config, ..self.clone() }.load_config_for_servers();
        }
        let mut config = self.load_config()?;
        let folder = self.config_path().parent().filter(|folder| !folder.as_os_str().is_empty());
        let running = self.offer_dev(folder.unwrap_or(Path::new(".")), &mut config);
        Ok((config, running))
    }

    /// The `dev` whose tidegate.yaml a command in this folder below it means: one that names no file, where there is
    /// none.
    fn above(&self, folder: &Path) -> Option<dev::Running> {
        if self.config.is_some() || folder.join("tidegate.yaml").exists() {
            return None;
        }
        dev::Running::find(folder).filter(|running| running.folder.join("tidegate.yaml").exists())
    }

    /// Leads a configuration to the `dev` that runs in a folder or above, if there is one and the configuration names no
    /// other servers. Either way somebody is told.
    pub fn offer_dev(&self, folder: &Path, config: &mut Config) -> Option<dev::Running> {
        let running = dev::Running::find(folder)?;
        let (used, note) = running.offer(config);
        complain(&match self.json() {
            true => format!("{}\n", serde_json::json!({ "note": note })),
            false => format!("note: {note}\n"),
        });
        used.then_some(running)
    }

    /// Whether output is for machines.
    pub fn json(&self) -> bool {
        self.output == Output::Json
    }

    /// Prints what a command found out, for people or as one line of JSON.
    pub fn print(&self, human: impl FnOnce() -> String, machine: impl FnOnce() -> serde_json::Value) {
        print(&if self.json() { machine().to_string() + "\n" } else { human() });
    }
}

/// Prints to standard output. Whoever has closed it (`tidegate … | head`) does not want to know, and the work goes on.
pub fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Prints to standard error, likewise.
pub fn complain(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_those_of_the_design() {
        let command = Cli::command();
        command.clone().debug_assert();
        let names: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        assert_eq!(names, ["init", "run", "health", "check", "plan", "apply", "quarantine", "completions", "dev"]);
        assert!(command.get_subcommands().all(|command| command.get_about().is_some()));
    }

    #[test]
    fn every_shell_gets_a_completion_script() {
        for shell in clap_complete::Shell::value_variants() {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "tidegate", &mut script);
            let script = String::from_utf8(script).unwrap();
            assert!(script.contains("tidegate") && script.contains("completions"), "{shell}");
        }
    }

    #[test]
    fn the_file_is_the_one_named_else_the_one_in_the_folder() {
        let context = |config: Option<&str>| Context {
            config: config.map(PathBuf::from),
            output: Output::Human,
            color: false,
            verbose: 0,
        };
        assert_eq!(context(Some("/etc/t.yaml")).config_path(), Path::new("/etc/t.yaml"));
        assert_eq!(context(None).config_path(), Path::new("tidegate.yaml"));
    }

    #[tokio::test]
    async fn in_a_folder_below_a_running_dev_its_file_is_meant() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("contracts");
        std::fs::create_dir(&below).unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let note = serde_json::json!({"kafka": address, "registry": format!("http://{address}"), "domains": {}});
        std::fs::create_dir(folder.path().join(".tidegate")).unwrap();
        std::fs::write(folder.path().join(".tidegate/dev.json"), note.to_string()).unwrap();
        let context = |config| Context { config, output: Output::Human, color: false, verbose: 0 };
        let found =
            |config: Option<&str>| context(config.map(PathBuf::from)).above(&below).map(|running| running.folder);
        // It serves the sample mesh.
        assert_eq!(found(None), None);
        std::fs::write(folder.path().join("tidegate.yaml"), "").unwrap();
        assert_eq!(found(None).as_deref(), Some(folder.path()));
        assert_eq!(found(Some("other.yaml")), None);
        std::fs::write(below.join("tidegate.yaml"), "").unwrap();
        assert_eq!(found(None), None);
    }
}
