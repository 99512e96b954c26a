//! Turns scenarios into tests of the usual harness, once for each Weaviate.

use std::num::NonZero;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use selvedge_tests::harness::object_server::StoreKind;
use selvedge_tests::harness::programs::Programs;
use selvedge_tests::harness::weaviate::{Flavour, Weaviate, WeaviateOptions, real_binary};
use selvedge_tests::harness::world::{SiteKind, World};
use selvedge_tests::stand_in::StandInOptions;
use tokio::runtime::Runtime;
use tokio::sync::{OnceCell, Semaphore};

/// A scenario that takes longer hangs, in seconds. Whoever asks for more kills than usual sets SELVEDGE_TEST_DEADLINE, too.
const DEADLINE: u64 = 120;
/// For what is long.
const ENDLESS: Duration = Duration::from_secs(60 * 60);

type Run = for<'a> fn(&'a mut World) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send + 'a>>;

/// Something Selvedge promises, and how it is tried.
pub struct Scenario {
    name: &'static str,
    how: How,
    /// On the stand-in, with the repository in a folder.
    in_folder: bool,
    /// On the stand-in, with the repository in each of these.
    stores: &'static [StoreKind],
    /// On the stand-in, with the repository in a folder and encrypted.
    is_encrypted: bool,
    in_encrypted_bucket: bool,
    /// Whether it starts the programs as processes.
    with_programs: bool,
    /// Whether it is many small ones, each of which sees to it that it ends.
    is_long: bool,
}

/// One that brings its own Weaviate.
type Comparison = fn() -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

enum How {
    /// Needs a real Weaviate to compare the stand-in with.
    Compare(Comparison),
    /// `real` is false where only scripted faults can bring about what is to be seen.
    On { run: Run, real: bool },
}

/// One that needs real servers of its own, be it to compare the stand-in with them.
pub fn compare(name: &'static str, run: Comparison) -> Scenario {
    Scenario {
        name,
        how: How::Compare(run),
        stores: &[],
        is_encrypted: false,
        in_encrypted_bucket: false,
        with_programs: false,
        is_long: false,
        in_folder: true,
    }
}

pub fn on(name: &'static str, run: Run, real: bool) -> Scenario {
    Scenario {
        name,
        how: How::On { run, real },
        stores: &[StoreKind::S3],
        is_encrypted: false,
        in_encrypted_bucket: false,
        with_programs: false,
        is_long: false,
        in_folder: true,
    }
}

impl Scenario {
    /// They are built before it starts.
    pub fn with_programs(self) -> Self {
        Self { with_programs: true, ..self }
    }

    /// Only on these object stores.
    pub fn only_on(self, stores: &'static [StoreKind]) -> Self {
        Self { stores, in_folder: false, ..self }
    }

    /// On these object stores, too.
    pub fn also_on(self, stores: &'static [StoreKind]) -> Self {
        Self { stores, ..self }
    }

    /// In an encrypted repository, too.
    pub fn and_encrypted(self) -> Self {
        Self { is_encrypted: true, ..self }
    }

    /// In encrypted repositories, too, one of them in a bucket.
    pub fn and_encrypted_in_a_bucket(self) -> Self {
        Self { in_encrypted_bucket: true, ..self.and_encrypted() }
    }

    fn limit(&self) -> Duration {
        match self.is_long {
            true => ENDLESS,
            false => Duration::from_secs(number("SELVEDGE_TEST_DEADLINE", DEADLINE)),
        }
    }

    /// It takes as long as it takes.
    pub fn long(self) -> Self {
        Self { is_long: true, ..self }
    }
}

/// A scenario for the stand-in and a real Weaviate.
macro_rules! both {
    ($path:path) => {
        $crate::runner::on(stringify!($path), |world| Box::pin($path(world)), true)
    };
}

/// A scenario that needs the stand-in's faults.
macro_rules! stand_in {
    ($path:path) => {
        $crate::runner::on(stringify!($path), |world| Box::pin($path(world)), false)
    };
}

/// A scenario for both, in which Selvedge's server is a process that can be killed.
macro_rules! process {
    ($path:path) => {
        $crate::runner::both!($path).with_programs()
    };
}

/// A scenario that makes real servers of its own.
macro_rules! real {
    ($path:path) => {
        $crate::runner::compare(stringify!($path), || Box::pin($path()))
    };
}

pub(crate) use {both, process, real, stand_in};

/// One runtime for all, so that the real servers' connections and processes outlive a single scenario.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime can be built"));

/// Real servers that no scenario uses now. Each is started when all others are in use, used by one scenario at a time, and
/// emptied before.
static IDLE: Mutex<Vec<Arc<Weaviate>>> = Mutex::new(Vec::new());

/// For as many scenarios on a real server at once.
static PLACES: Semaphore = Semaphore::const_new(2);

/// Scenarios side by side on each processor: most of them wait, for a server that starts or for another try.
const EACH: usize = 2;

/// Selvedge's programs: built once, by the first scenario that needs them.
static PROGRAMS: OnceCell<Programs> = OnceCell::const_new();

pub async fn programs() -> anyhow::Result<&'static Programs> {
    PROGRAMS.get_or_try_init(Programs::build).await
}

/// A number that the environment may set.
pub fn number(variable: &str, usual: u64) -> u64 {
    match std::env::var(variable) {
        Ok(set) => set.parse().unwrap_or_else(|_| panic!("{variable} is no number: {set}")),
        Err(_) => usual,
    }
}

pub fn run(scenarios: Vec<Scenario>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    arguments.test_threads.get_or_insert(EACH * processors);
    let binary = real_binary();
    if !arguments.list {
        match &binary {
            Some(path) => eprintln!("scenarios run on the stand-in and on {}", path.display()),
            None => eprintln!("scenarios run on the stand-in only: there is no `weaviate` on PATH"),
        }
    }
    let trials = scenarios.iter().flat_map(|scenario| trials(scenario, binary.is_some())).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    // A static is never dropped, and the servers would stay.
    idle().clear();
    conclusion.exit_code()
}

fn trials(scenario: &Scenario, has_real: bool) -> Vec<Trial> {
    let name = scenario.name.replace(' ', "");
    match scenario.how {
        How::Compare(run) => {
            let trial = Trial::test(name, move || RUNTIME.block_on(run()).map_err(failed));
            vec![trial.with_ignored_flag(!has_real)]
        }
        How::On { run, real } => {
            let (built, limit) = (scenario.with_programs, scenario.limit());
            let on_stand_in =
                |site: SiteKind| move || build(built).and_then(|()| try_on_stand_in(run, site, limit));
            let mut trials = Vec::new();
            if scenario.in_folder {
                trials.push(Trial::test(format!("stand-in {name}"), on_stand_in(SiteKind::Folder)));
            }
            if scenario.is_encrypted {
                trials.push(Trial::test(format!("encrypted {name}"), on_stand_in(SiteKind::Encrypted)));
            }
            if scenario.in_encrypted_bucket {
                let in_bucket = on_stand_in(SiteKind::EncryptedObjects(StoreKind::S3));
                trials.push(Trial::test(format!("encrypted-s3 {name}"), in_bucket));
            }
            for kind in scenario.stores.iter().copied() {
                let on_store = on_stand_in(SiteKind::Objects(kind));
                let trial = Trial::test(format!("{} {name}", kind.name()), on_store);
                trials.push(trial.with_ignored_flag(!kind.is_there()));
            }
            if real {
                let on_real = move || build(built).and_then(|()| try_on_real(run, limit));
                let trial = Trial::test(format!("weaviate {name}"), on_real);
                trials.push(trial.with_ignored_flag(!has_real));
            }
            trials
        }
    }
}

/// Takes a while the first time, which is not the scenario's.
fn build(wanted: bool) -> Result<(), Failed> {
    if wanted {
        RUNTIME.block_on(programs()).map_err(failed)?;
    }
    Ok(())
}

/// Objects may expire, but nothing looks for expired ones while a scenario runs.
fn options() -> WeaviateOptions {
    WeaviateOptions {
        env: vec![("OBJECTS_TTL_DELETE_SCHEDULE".to_owned(), "@yearly".to_owned())],
        stand_in: StandInOptions { ttl: true, ..StandInOptions::default() },
        ..WeaviateOptions::default()
    }
}

fn try_on_stand_in(run: Run, site: SiteKind, limit: Duration) -> Result<(), Failed> {
    RUNTIME.block_on(async {
        let weaviate = Weaviate::start(Flavour::StandIn, options()).await.map_err(failed)?;
        try_in_world(Arc::new(weaviate), site, run, limit).await
    })
}

fn try_on_real(run: Run, limit: Duration) -> Result<(), Failed> {
    RUNTIME.block_on(async {
        let _place = PLACES.acquire().await.map_err(|closed| failed(closed.into()))?;
        let found = idle().pop();
        let weaviate = match found {
            Some(weaviate) => weaviate,
            None => Arc::new(Weaviate::start(Flavour::Real, options()).await.map_err(failed)?),
        };
        let result = try_in_world(Arc::clone(&weaviate), SiteKind::Folder, run, limit).await;
        idle().push(weaviate);
        result
    })
}

fn idle() -> MutexGuard<'static, Vec<Arc<Weaviate>>> {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn try_in_world(
    weaviate: Arc<Weaviate>,
    site: SiteKind,
    run: Run,
    limit: Duration,
) -> Result<(), Failed> {
    let scenario = async {
        let mut world = World::on(weaviate, site).await?;
        world.rest.drop_all().await?;
        run(&mut world).await
    };
    match tokio::time::timeout(limit, scenario).await {
        Ok(result) => result.map_err(failed),
        Err(_) => Err(Failed::from(format!("not done after {limit:?}"))),
    }
}

fn failed(error: anyhow::Error) -> Failed {
    Failed::from(format!("{error:#}"))
}
