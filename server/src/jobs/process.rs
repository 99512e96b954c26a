//! Which server tries a job, and whether it still runs.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A server in a process on a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    pub host: String,
    pub pid: u32,
    /// What tells it from others of the same number; None where the system does not say it.
    identity: Option<Identity>,
    server: Uuid,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    /// Of the machine's last start.
    boot: String,
    /// In which the process has its number: a container has its own.
    namespace: String,
    /// When the process started, in ticks since the machine did.
    started: u64,
}

/// Whether a process runs, as far as the machine knows that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Runs,
    Ended,
    /// It is elsewhere: only what it writes tells.
    Unknown,
}

/// The servers in this process: there may be several where a program, such as a test, has them as a library.
static HERE: Mutex<BTreeSet<Uuid>> = Mutex::new(BTreeSet::new());

fn here() -> MutexGuard<'static, BTreeSet<Uuid>> {
    HERE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Process {
    /// A new server in this process.
    pub fn begin() -> Self {
        let server = Uuid::new_v4();
        here().insert(server);
        let (host, pid) =
            (rustix::system::uname().nodename().to_string_lossy().into_owned(), std::process::id());
        Self { host, pid, identity: Identity::of(pid), server }
    }

    /// The server has ended, though the process may go on.
    pub fn end(&self) {
        here().remove(&self.server);
    }

    /// How the process is that has written this down.
    pub fn standing(&self) -> Standing {
        let (Some(theirs), Some(ours)) = (&self.identity, Identity::of(std::process::id())) else {
            return Standing::Unknown;
        };
        if (&theirs.boot, &theirs.namespace) != (&ours.boot, &ours.namespace) {
            return Standing::Unknown;
        }
        let is_running = if self.pid == std::process::id() && theirs.started == ours.started {
            here().contains(&self.server)
        } else {
            match Identity::of(self.pid) {
                Some(there) => there.started == theirs.started,
                // One of another user can be hidden from us (`hidepid`, `ProtectProc`).
                None if is_hidden(self.pid) => return Standing::Unknown,
                None => false,
            }
        };
        if is_running { Standing::Runs } else { Standing::Ended }
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, process {}", self.host, self.pid)
    }
}

impl Identity {
    /// None where there is no `/proc`, or no such process.
    fn of(pid: u32) -> Option<Self> {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned();
        let namespace = std::fs::read_link("/proc/self/ns/pid").ok()?.to_string_lossy().into_owned();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name, in parentheses, may have spaces in it; what counts is the 22nd field.
        let (_, fields) = stat.rsplit_once(") ")?;
        let mut fields = fields.split(' ');
        // One that has ended and that nobody has asked for is still listed.
        let state = fields.next()?;
        let started = fields.nth(18)?.parse().ok()?;
        (state != "Z").then_some(Self { boot, namespace, started })
    }
}

/// Whether there is a process that nothing is told of.
fn is_hidden(pid: u32) -> bool {
    use rustix::process::{Pid, test_kill_process};
    let is_told = std::fs::read(format!("/proc/{pid}/stat")).is_ok();
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    !is_told && pid.is_some_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_server_runs_until_it_or_its_process_has_ended() {
        let own = Process::begin();
        assert_eq!(own.standing(), Standing::Runs);
        own.end();
        assert_eq!(own.standing(), Standing::Ended);

        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let other = Process { pid: child.id(), identity: Identity::of(child.id()), ..own.clone() };
        assert_eq!(other.standing(), Standing::Runs);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(other.standing(), Standing::Ended);

        let identity = own.identity.clone().map(|one| Identity { boot: "another".to_owned(), ..one });
        assert_eq!(Process { identity, ..own.clone() }.standing(), Standing::Unknown);
        let identity = own.identity.clone().map(|one| Identity { started: 1, ..one });
        assert_eq!(Process { identity, ..own }.standing(), Standing::Ended, "its number is another's by now");
    }
}
