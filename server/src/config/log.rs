//! Where the log goes: standard error, as text for people or JSON for machines.

use std::fmt;
use std::io::{IsTerminal, stderr};

use clap::ValueEnum;
use tracing_subscriber::filter::{FilterExt, LevelFilter, Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt as format};

use crate::traces::Traces;
use selvedge_ops::TRACED;

#[derive(Debug, Clone)]
pub struct Log {
    pub filter: Targets,
    pub format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

impl Log {
    /// For the whole process; only the first call counts.
    pub fn init(&self, traces: Option<&Traces>) {
        let layer = format::layer().with_writer(stderr);
        let layer = match self.format {
            LogFormat::Text => layer.with_ansi(stderr().is_terminal()).with_target(false).boxed(),
            LogFormat::Json => layer.json().flatten_event(true).boxed(),
        };
        // What is only traced is no part of the log. The hint keeps what nobody wants to hear from being asked about each time.
        let is_told = filter_fn(|metadata| metadata.target() != TRACED);
        let is_told = is_told.with_max_level_hint(LevelFilter::TRACE);
        let log = layer.with_filter(self.filter.clone().and(is_told));
        let _ = match traces {
            Some(traces) => Registry::default().with(log).with(traces.layer()).try_init(),
            None => Registry::default().with(log).try_init(),
        };
    }
}
