//! Where the log goes: standard error, as text for people or JSON for machines.

use std::fmt;
use std::io::{IsTerminal, stderr};

use clap::ValueEnum;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt as format};

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
    pub fn init(&self) {
        let layer = format::layer().with_writer(stderr);
        let layer = match self.format {
            LogFormat::Text => layer.with_ansi(stderr().is_terminal()).with_target(false).boxed(),
            LogFormat::Json => layer.json().flatten_event(true).boxed(),
        };
        let _ = Registry::default().with(layer.with_filter(self.filter.clone())).try_init();
    }
}
