//! The command line.

use clap::{Parser, Subcommand};

use crate::commands::{
    backup, check, clear, collections, completions, copy, diff, export, import, jobs, keeping, list, man,
    prune, repair, restore, show, status, undo, verify,
};
use crate::exit;
use crate::options::Options;

/// Backup, restore and clear Weaviate collections through selvedge-server.
#[derive(Clone, Debug, Parser)]
#[command(name = "selvedge", version, after_help = exit::HELP)]
pub struct Args {
    #[command(flatten)]
    pub options: Options,
    #[command(subcommand)]
    pub command: Command,
}

impl Args {
    /// With what the environment holds and no option may.
    pub fn with_environment(self) -> Self {
        Self { options: self.options.with_environment(), ..self }
    }
}

#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    Backup(backup::Args),
    Restore(Box<restore::Args>),
    Copy(Box<copy::Args>),
    Clear(clear::Args),
    Repair(repair::Args),
    Undo(undo::Args),
    #[command(visible_aliases = ["ls", "snapshots"])]
    List(list::Args),
    Show(show::Args),
    Verify(verify::Args),
    Diff(diff::Args),
    Export(export::Args),
    Import(import::Args),
    #[command(visible_alias = "rm")]
    Delete(keeping::DeleteArgs),
    Hold(keeping::HoldArgs),
    Release(keeping::ReleaseArgs),
    Prune(prune::Args),
    Collections(collections::Args),
    Status(status::Args),
    Check(check::Args),
    #[command(visible_alias = "job")]
    Jobs(jobs::Args),
    Completions(completions::Args),
    Man(man::Args),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_description_is_sound() {
        crate::command().debug_assert();
    }

    #[test]
    fn help_of_every_command() {
        let commands = [
            "",
            "backup",
            "restore",
            "copy",
            "clear",
            "repair",
            "undo",
            "list",
            "show",
            "verify",
            "diff",
            "export",
            "import",
            "delete",
            "hold",
            "release",
            "prune",
            "collections",
            "status",
            "check",
            "man",
            "completions",
            "jobs",
        ];
        let jobs = ["jobs list", "jobs show", "jobs watch", "jobs resume", "jobs failures", "jobs cancel"];
        for path in commands.into_iter().chain(jobs) {
            let words = ["selvedge"].into_iter().chain(path.split_whitespace()).chain(["--help"]);
            let help = crate::command().term_width(100).try_get_matches_from(words).expect_err("help");
            crate::scripted::snapshot(&format!("help {path}").trim().replace(' ', "_"), help.to_string());
        }
    }

    #[test]
    fn options_may_follow_the_command() {
        let args = parse("selvedge list --json --repository nightly").expect("parses");
        assert!(args.options.json);
        assert_eq!(args.options.repository(), "nightly");
        assert_eq!(args.options.cluster(), "");
    }

    #[test]
    fn people_type_other_words_too() {
        for line in ["selvedge ls", "selvedge snapshots", "selvedge rm b", "selvedge job ls"] {
            assert!(parse(line).is_ok(), "{line}");
        }
    }

    #[test]
    fn every_command_has_examples_and_they_parse() {
        fn look_at(command: &clap::Command) {
            command.get_subcommands().for_each(look_at);
            if command.has_subcommands() {
                return;
            }
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let examples: Vec<_> = help.lines().filter_map(|line| line.strip_prefix("  selvedge ")).collect();
            assert!((2..=4).contains(&examples.len()), "{}: {help}", command.get_name());
            for example in examples {
                let (typed, _) = example.split_once('#').unwrap_or((example, ""));
                assert!(parse(&format!("selvedge {typed}")).is_ok(), "{example}");
            }
        }
        look_at(&crate::command());
    }

    #[test]
    fn mistakes_are_usage_errors() {
        for line in [
            "selvedge clear",
            "selvedge restore",
            "selvedge jobs",
            "selvedge jobs resume",
            "selvedge jobs failures j --limit 0",
            "selvedge list --server localhost",
            "selvedge list --server ftp://localhost:50071",
            "selvedge restore b --rename OnlyOld",
            "selvedge restore b --set onlykey",
            "selvedge restore b --verify everything",
            "selvedge verify",
            "selvedge verify b --level rows --against-live",
            "selvedge verify b --max-findings 0",
            "selvedge verify b --all",
            "selvedge verify --all --against-live",
            "selvedge verify b --inactive-tenants activate",
            "selvedge show b --tenants",
            "selvedge backup --inactive-tenants maybe",
            "selvedge backup --dry-run --detach",
        ] {
            assert_eq!(parse(line).expect_err(line).exit_code(), 2, "{line}");
        }
    }
}
