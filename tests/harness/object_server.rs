//! An object store over HTTP, for one world: in this process, or a program beside it.
//!
//! Of those that speak S3 a bucket is a folder in a folder, and an object a file in that.

mod in_process;
mod program;

use std::path::Path;

use selvedge_archive::{RepositoryConfig, StoreOption};

use self::in_process::Dialect;
pub use self::in_process::InProcess;
use self::program::{Program, on_path};

/// The bucket that there is.
pub const BUCKET: &str = "selvedge";
pub const ACCESS_KEY: &str = "selvedge-tests";
pub const SECRET_KEY: &str = "a-secret-that-nobody-may-see";
/// What everybody uses with Azurite: <https://learn.microsoft.com/azure/storage/common/storage-use-azurite>.
const AZURITE_ACCOUNT: &str = "devstoreaccount1";
const AZURITE_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// `s3s` in this process.
    S3,
    /// The same, speaking as Google's does.
    Google,
    Versitygw,
    Azurite,
}

impl StoreKind {
    pub const ALL: [Self; 4] = [Self::S3, Self::Google, Self::Versitygw, Self::Azurite];

    pub fn name(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Google => "google",
            Self::Versitygw => "versitygw",
            Self::Azurite => "azurite",
        }
    }

    pub fn is_there(self) -> bool {
        match self {
            Self::S3 | Self::Google => true,
            Self::Versitygw => on_path("versitygw").is_some(),
            Self::Azurite => on_path("azurite-blob").is_some(),
        }
    }
}

/// Gone when dropped; what is in its folder stays.
pub struct ObjectServer {
    kind: StoreKind,
    running: Running,
}

enum Running {
    InProcess(InProcess),
    Program(Program),
}

impl ObjectServer {
    /// With an empty bucket, or one that is in this folder.
    pub async fn start(kind: StoreKind, folder: &Path) -> anyhow::Result<Self> {
        if kind != StoreKind::Azurite {
            std::fs::create_dir_all(folder.join(BUCKET))?;
        }
        let running = match kind {
            StoreKind::S3 => Running::InProcess(InProcess::start(Dialect::S3, folder).await?),
            StoreKind::Google => Running::InProcess(InProcess::start(Dialect::Google, folder).await?),
            StoreKind::Versitygw => Running::Program(Program::versitygw(folder).await?),
            StoreKind::Azurite => Running::Program(Program::azurite(folder).await?),
        };
        Ok(Self { kind, running })
    }

    pub fn kind(&self) -> StoreKind {
        self.kind
    }

    /// For faults. There is none in a program of its own.
    pub fn in_process(&self) -> &InProcess {
        match &self.running {
            Running::InProcess(server) => server,
            Running::Program(_) => panic!("the scenario needs faults, and {:?} has none", self.kind),
        }
    }

    fn url(&self) -> String {
        match &self.running {
            Running::InProcess(server) => format!("http://{}", server.address),
            Running::Program(program) => format!("http://127.0.0.1:{}", program.port),
        }
    }

    /// The whole bucket as a repository.
    pub fn repository(&self) -> RepositoryConfig {
        let scheme = match self.kind {
            StoreKind::S3 | StoreKind::Versitygw => "s3",
            StoreKind::Google => "gs",
            StoreKind::Azurite => "az",
        };
        let options = self.options().into_iter().map(|(key, value)| StoreOption::new(key, value)).collect();
        RepositoryConfig { options, ..RepositoryConfig::new("default", format!("{scheme}://{BUCKET}")) }
    }

    /// The variables with which a server process finds it.
    pub fn environment(&self) -> Vec<(String, String)> {
        self.options().into_iter().map(|(key, value)| (key.to_uppercase(), value)).collect()
    }

    fn options(&self) -> Vec<(&'static str, String)> {
        match self.kind {
            StoreKind::S3 | StoreKind::Versitygw => vec![
                ("aws_endpoint", self.url()),
                ("aws_region", "us-east-1".to_owned()),
                ("aws_access_key_id", ACCESS_KEY.to_owned()),
                ("aws_secret_access_key", SECRET_KEY.to_owned()),
            ],
            StoreKind::Google => {
                let key = serde_json::json!({
                    "gcs_base_url": self.url(), "disable_oauth": true, "client_email": "", "private_key": "", "private_key_id": "",
                });
                vec![("google_service_account_key", key.to_string())]
            }
            StoreKind::Azurite => vec![
                ("azure_storage_account_name", AZURITE_ACCOUNT.to_owned()),
                ("azure_storage_account_key", AZURITE_KEY.to_owned()),
                ("azure_storage_endpoint", format!("{}/{AZURITE_ACCOUNT}", self.url())),
            ],
        }
    }
}
