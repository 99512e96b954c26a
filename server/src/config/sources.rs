//! Where settings come from: flags before the environment before the file.

use std::ffi::OsString;
use std::fmt::{self, Display};
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches};

use super::file::File;
use super::flags::Flags;
use selvedge_model::error::{Error, Result};

/// What may be at the top of the file. The rest of the flags are about one cluster or repository, which have sections there.
const SETTINGS: [&str; 18] = [
    "listen",
    "metrics_listen",
    "allow_insecure",
    "allow_insecure_metrics",
    "otlp_endpoint",
    "tls_cert",
    "tls_key",
    "tls_client_ca",
    "callers",
    "max_jobs",
    "max_queued",
    "job_history",
    "resume_on_start",
    "memory_budget",
    "shutdown_deadline",
    "retry_budget",
    "log",
    "log_format",
];

/// All that was said.
#[derive(Debug)]
pub struct Sources {
    pub flags: Flags,
    pub file: File,
    matches: ArgMatches,
    command: Command,
}

impl Sources {
    /// Ends the process as clap does if the arguments make no sense, or ask for help.
    pub fn read() -> Result<Self> {
        Self::of(Flags::command(), std::env::args_os().collect()).unwrap_or_else(|error| error.exit())
    }

    /// The inner error is about the file.
    pub fn of(command: Command, arguments: Vec<OsString>) -> Result<Result<Self>, clap::Error> {
        let given = command.clone().try_get_matches_from(&arguments)?;
        let file = match given.get_one::<PathBuf>("config") {
            None => File::default(),
            Some(path) => match File::read(path, &SETTINGS) {
                Ok(file) => file,
                Err(error) => return Ok(Err(error)),
            },
        };
        // What the file says is said as flags, of what neither flags nor the environment say.
        let mut all = arguments;
        for (key, value) in &file.settings {
            let flag = format!("--{}", key.replace('_', "-"));
            match (given.value_source(key), command.get_arguments().find(|argument| argument.get_id() == key))
            {
                (Some(ValueSource::CommandLine | ValueSource::EnvVariable), _) => {}
                (_, Some(argument)) if !argument.get_action().takes_values() => match value.as_str() {
                    "true" => all.insert(1, flag.into()),
                    "false" => {}
                    _ => {
                        let text = format!("{key} in {} has to be true or false", file.name);
                        return Ok(Err(Error::invalid("config", text)));
                    }
                },
                _ => all.insert(1, format!("{flag}={value}").into()),
            }
        }
        let matches =
            command.clone().try_get_matches_from(&all).map_err(|error| match file.settings.is_empty() {
                true => error,
                false => clap::Error::raw(
                    error.kind(),
                    format!("{} has a value that does not fit: {error}", file.name),
                ),
            })?;
        let flags = Flags::from_arg_matches(&matches)?;
        Ok(Ok(Self { flags, file, matches: given, command }))
    }

    /// Whether a flag or its variable was given.
    pub fn is_given(&self, id: &str) -> bool {
        let source = self.matches.value_source(id);
        matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable))
    }

    /// Where the value of a flag is from.
    pub fn origin(&self, id: &str) -> String {
        let argument = self.command.get_arguments().find(|argument| argument.get_id() == id);
        match self.matches.value_source(id) {
            Some(ValueSource::CommandLine) => format!("--{}", id.replace('_', "-")),
            Some(ValueSource::EnvVariable) => {
                let variable = argument.and_then(|argument| argument.get_env());
                variable.map_or_else(String::new, |variable| variable.to_string_lossy().into_owned())
            }
            _ if self.file.settings.contains_key(id) => self.file.name.clone(),
            _ => "default".to_owned(),
        }
    }
}

/// The configuration as `--print-config` shows it, in the format of the file. Secrets never get here.
#[derive(Debug, Clone, Default)]
pub struct Printout(Vec<Line>);

#[derive(Debug, Clone)]
enum Line {
    Section(String),
    Setting { key: String, value: String, origin: String },
}

impl Printout {
    pub fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub fn section(&mut self, name: impl Into<String>) {
        self.0.push(Line::Section(name.into()));
    }

    pub fn text(&mut self, key: &str, value: impl Display, origin: impl Into<String>) {
        self.bare(key, toml::Value::String(value.to_string()), origin);
    }

    /// A number, or true or false.
    pub fn bare(&mut self, key: &str, value: impl Display, origin: impl Into<String>) {
        self.0.push(Line::Setting { key: key.to_owned(), value: value.to_string(), origin: origin.into() });
    }

    pub fn secret(&mut self, key: &str, origin: impl Into<String>) {
        self.text(key, "(set, not shown)", origin);
    }
}

impl Display for Printout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.0 {
            match line {
                Line::Section(name) => writeln!(f, "\n[{name}]")?,
                Line::Setting { key, value, origin } => {
                    writeln!(f, "{:<40} # {origin}", format!("{key} = {value}"))?;
                }
            }
        }
        Ok(())
    }
}
