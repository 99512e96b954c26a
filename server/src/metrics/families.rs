//! The numbers that there are, their names and labels. `docs/monitoring.md` says what they are good for.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};

use crate::jobs::State;

/// As [`selvedge_ops::Operation::name`] has them.
pub const KINDS: [&str; 6] = ["backup", "restore", "clear", "verify", "repair", "copy"];
const ENDS: [State; 6] =
    [State::Succeeded, State::Partial, State::Failed, State::Cancelled, State::Interrupted, State::Refused];
/// From jobs of a few objects to those of a whole day.
const SECONDS: [f64; 12] =
    [1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 10_800.0, 21_600.0, 43_200.0, 86_400.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfKind {
    pub kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfEnd {
    pub kind: &'static str,
    pub state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfBytes {
    pub kind: &'static str,
    pub direction: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfCause {
    pub cause: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfRepository {
    pub repository: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfCollection {
    pub cluster: String,
    pub collection: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfBuild {
    version: &'static str,
}

type Seconds = Family<OfKind, Histogram, fn() -> Histogram>;

/// What jobs do.
#[derive(Debug)]
pub struct JobFamilies {
    pub running: Family<OfKind, Gauge>,
    pub queued: Family<OfKind, Gauge>,
    pub waiting: Family<OfKind, Gauge>,
    pub ended: Family<OfEnd, Counter>,
    pub seconds: Seconds,
    pub objects: Family<OfKind, Counter>,
    pub bytes: Family<OfBytes, Counter>,
    pub retries: Family<OfCause, Counter>,
    pub budget: Gauge,
    pub in_use: Gauge,
}

/// What there is of repositories and in them.
#[derive(Debug)]
pub struct RepositoryFamilies {
    pub reachable: Family<OfRepository, Gauge>,
    pub backups: Family<OfRepository, Gauge>,
    pub bytes: Family<OfRepository, Gauge>,
    pub newest: Family<OfRepository, Gauge>,
    pub free: Family<OfRepository, Gauge>,
    pub capacity: Family<OfRepository, Gauge>,
    pub last_success: Family<OfCollection, Gauge>,
}

impl JobFamilies {
    pub fn registered(all: &mut Registry) -> Self {
        let seconds = Seconds::new_with_constructor(|| Histogram::new(SECONDS));
        let families = Self {
            running: add(all, "jobs_running", "Jobs that run", Family::default()),
            queued: add(all, "jobs_queued", "Jobs that wait for their turn", Family::default()),
            waiting: add(all, "jobs_waiting", "Jobs that cannot go on now, and wait", Family::default()),
            ended: add(all, "jobs_ended", "Jobs that have ended, dry runs excepted", Family::default()),
            seconds: add(all, "job_duration_seconds", "How long jobs ran, in seconds", seconds),
            objects: add(all, "objects", "Objects that jobs have moved or looked at", Family::default()),
            bytes: add(all, "bytes", "Bytes that jobs have read and written", Family::default()),
            retries: add(all, "retries", "Calls to Weaviate that jobs have repeated", Family::default()),
            budget: add(all, "memory_budget_bytes", "What objects in flight may take", Gauge::default()),
            in_use: add(all, "memory_in_use_bytes", "What objects in flight have taken", Gauge::default()),
        };
        all.register(
            "build",
            "The version that runs",
            Info::new(OfBuild { version: env!("CARGO_PKG_VERSION") }),
        );
        families.begin_at_zero();
        families
    }

    /// Of what appears only with its first event, nobody sees the first.
    fn begin_at_zero(&self) {
        for kind in KINDS {
            drop(self.objects.get_or_create(&OfKind { kind }));
            drop(self.seconds.get_or_create(&OfKind { kind }));
            for direction in ["read", "written"] {
                drop(self.bytes.get_or_create(&OfBytes { kind, direction }));
            }
            for state in ENDS {
                drop(self.ended.get_or_create(&OfEnd { kind, state: state.name() }));
            }
        }
    }
}

impl RepositoryFamilies {
    pub fn registered(all: &mut Registry) -> Self {
        let reachable = "Whether the repository could be reached when it was looked at last";
        let newest = "When what is in the newest backup was read, in seconds since 1970";
        let last = "When the newest whole backup of the collection was read, in seconds since 1970";
        Self {
            reachable: add(all, "repository_reachable", reachable, Family::default()),
            backups: add(all, "repository_backups", "Backups that there are", Family::default()),
            bytes: add(all, "repository_bytes", "Size of the data files of all backups", Family::default()),
            newest: add(all, "repository_newest_backup_timestamp_seconds", newest, Family::default()),
            free: add(all, "repository_free_bytes", "Room on the repository's disk", Family::default()),
            capacity: add(
                all,
                "repository_capacity_bytes",
                "Size of the repository's disk",
                Family::default(),
            ),
            last_success: add(all, "last_success_timestamp_seconds", last, Family::default()),
        }
    }
}

fn add<M: Metric + Clone>(all: &mut Registry, name: &str, help: &str, metric: M) -> M {
    all.register(name, help, metric.clone());
    metric
}
