//! `selvedge man`

use std::path::PathBuf;

use crate::failure::Failure;
use crate::{ExitCode, Terminal};

const EXAMPLES: &str = "\
Examples:
  selvedge man                                     # into the folder man
  selvedge man /usr/local/share/man/man1";

/// Write the man pages into a folder, one for each command.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The folder, which is made if it is not there.
    #[arg(default_value = "man")]
    pub folder: PathBuf,
}

pub fn run(args: &Args, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    let Args { folder } = args;
    let written =
        std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(crate::command(), folder));
    written.map_err(|error| {
        Failure::new(ExitCode::Failed, format!("cannot write to {}: {error}", folder.display()))
    })?;
    terminal.print(&format!("man pages are in {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_with_its_examples() {
        let folder = tempfile::tempdir().expect("a folder");
        let args = Args { folder: folder.path().join("man1") };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        run(&args, &mut Terminal::new(&mut out, &mut err)).expect("writes");
        for (page, says) in
            [("selvedge", "EXIT"), ("selvedge-clear", "backup\\-first"), ("selvedge-jobs-watch", "Examples")]
        {
            let text = std::fs::read_to_string(args.folder.join(format!("{page}.1"))).expect(page);
            assert!(text.to_uppercase().contains(&says.to_uppercase()), "{page}: {text}");
        }
    }
}
