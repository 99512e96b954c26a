//! What the exit code says.

/// How the program ends. The numbers are part of the interface; `--help` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    Done = 0,
    Failed = 1,
    Usage = 2,
    /// The server cannot be reached, or was lost for good.
    Unreachable = 3,
    /// Nothing was changed, because something stands in the way that a person has to decide about.
    Refused = 4,
    Partial = 5,
    /// A backup, what was restored from it, or a cluster compared with it is not what it should be.
    Integrity = 6,
    /// A name of what is not there: of a backup, a collection, a tenant, a job, a cluster or a repository.
    NotFound = 7,
    /// Weaviate or the repository cannot be used at the moment, or the server was stopped; later, the same command may succeed.
    Unavailable = 8,
    /// There is no space left in the repository.
    Full = 9,
    /// Interrupted here, or nobody reads the output any more; a job that was started runs on.
    Interrupted = 130,
}

/// The table for `--help`.
pub const HELP: &str = "\
Exit codes:
    0  done
    1  failed, for none of the reasons below
    2  wrong usage
    3  cannot reach the server
    4  refused: it exists, needs confirmation, is in use, or is not permitted
    5  partial: the job ended, but something was left out or refused
    6  integrity: a backup is damaged, or a cluster differs from it
    7  not found: a backup, collection, tenant, job, cluster or repository
    8  unavailable for now: Weaviate, the repository, or a server that stopped; try again later
    9  full: no space left in the repository
  130  interrupted here, or nobody reads the output; a job that was started runs on";

impl ExitCode {
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(exit: ExitCode) -> Self {
        exit.code().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_lists_every_code() {
        use ExitCode::*;
        let all = [
            Done,
            Failed,
            Usage,
            Unreachable,
            Refused,
            Partial,
            Integrity,
            NotFound,
            Unavailable,
            Full,
            Interrupted,
        ];
        for exit in all {
            assert!(HELP.contains(&format!("\n  {:>3}  ", exit.code())), "{exit:?}");
        }
    }
}
