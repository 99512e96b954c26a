//! `selvedge completions`

use clap_complete::Shell;
use clap_complete::env::Shells;

use crate::failure::Failure;
use crate::{ExitCode, Terminal};

/// The variable by which the shell's script tells the client that it is to complete something.
pub const VARIABLE: &str = "SELVEDGE_COMPLETE";

const EXAMPLES: &str = "\
Examples:
  selvedge completions bash                        # source <(selvedge completions bash)
  selvedge completions zsh";

/// Print a script with which a shell completes commands, options, and what there is on the server: ids of backups and jobs, names
/// of collections.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The shell to print it for.
    pub shell: Shell,
}

pub fn run(args: Args, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    let shell = args.shell.to_string();
    let mut script = Vec::new();
    let written = Shells::builtins().completer(&shell).map(|completer| {
        completer.write_registration(VARIABLE, "selvedge", "selvedge", "selvedge", &mut script)
    });
    match written {
        Some(Ok(())) => terminal.print_verbatim(String::from_utf8_lossy(&script).trim_end()),
        _ => Err(Failure::new(ExitCode::Failed, format!("there is no script for {shell}"))),
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_shell_gets_a_script() {
        for &shell in Shell::value_variants() {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            run(Args { shell }, &mut Terminal::new(&mut out, &mut err)).expect("prints");
            assert!(String::from_utf8_lossy(&out).contains(VARIABLE), "{shell}");
        }
    }
}
