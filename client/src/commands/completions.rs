//! `selvedge completions`

use clap_complete::Shell;

use crate::Terminal;
use crate::failure::Failure;

const EXAMPLES: &str = "\
Examples:
  selvedge completions bash
  selvedge completions zsh";

/// Print a script that completes commands in a shell.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The shell to print it for.
    pub shell: Shell,
}

pub fn run(args: Args, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::command(), "selvedge", &mut script);
    terminal.print_verbatim(String::from_utf8_lossy(&script).trim_end())
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
            assert!(String::from_utf8_lossy(&out).contains("restore"), "{shell}");
        }
    }
}
