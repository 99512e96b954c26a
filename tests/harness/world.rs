//! Everything a scenario needs: a Weaviate, a server on it, a client, and a way to look at Weaviate without either.

mod server;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::Parser;
use object_store::ObjectStore;
use secrecy::{ExposeSecret, SecretString};
use selvedge_archive::{Encryption, Repository, RepositoryConfig, new_identity};
use selvedge_proto::v1::backup_service_client::BackupServiceClient;
use selvedge_proto::v1::collection_service_client::CollectionServiceClient;
use selvedge_proto::v1::job_service_client::JobServiceClient;
use serde_json::Value;
use tempfile::TempDir;
use tonic::transport::Channel;

use super::object_server::{BUCKET, ObjectServer, StoreKind};
use super::rest::Rest;
use super::schemas::check_output;
use super::weaviate::{Weaviate, WeaviateOptions};
use crate::stand_in::StandIn;
use server::on_store;
pub use server::{Server, Serving, local, serve_at};

/// A Weaviate with nothing in it, and a Selvedge server that uses it.
pub struct World {
    pub weaviate: Arc<Weaviate>,
    pub rest: Rest,
    server: Server,
    repository: Site,
}

/// Where the backups of a world are: in a folder, or in a bucket of an object store, which is a folder, too.
struct Site {
    kind: SiteKind,
    /// Whose folder it is.
    folder: PathBuf,
    objects: Option<ObjectServer>,
    /// Of an encrypted one.
    identity: Option<SecretString>,
    temporary: TempDir,
}

/// What kind of place it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SiteKind {
    Folder,
    /// A folder of what is encrypted.
    Encrypted,
    /// A bucket of what is encrypted.
    EncryptedObjects(StoreKind),
    Objects(StoreKind),
}

impl Site {
    async fn new(kind: SiteKind) -> anyhow::Result<Self> {
        let temporary = tempfile::tempdir()?;
        let (root, mut objects, mut identity) = (temporary.path(), None, None);
        let folder = match kind {
            SiteKind::Folder => root.to_owned(),
            SiteKind::Encrypted => {
                identity = Some(new_identity().0);
                root.join("repository")
            }
            SiteKind::Objects(store) | SiteKind::EncryptedObjects(store) => {
                identity = matches!(kind, SiteKind::EncryptedObjects(_)).then(|| new_identity().0);
                objects = Some(ObjectServer::start(store, root).await?);
                root.join(BUCKET)
            }
        };
        Ok(Self { kind, folder, objects, identity, temporary })
    }

    fn open(&self) -> anyhow::Result<Repository> {
        let encryption = self
            .identity
            .clone()
            .map(|identity| Encryption { identity: Some(identity), ..Encryption::default() });
        match &self.objects {
            Some(objects) => Ok(Repository::open(&RepositoryConfig { encryption, ..objects.repository() })?),
            None if encryption.is_none() => Ok(on_store(local(&self.folder)?)),
            None => {
                let url = format!("file://{}", self.folder.display());
                let config = RepositoryConfig::new("default", url);
                Ok(Repository::create(&RepositoryConfig { encryption, ..config })?)
            }
        }
    }

    /// The variables with which a server process uses it.
    fn environment(&self) -> anyhow::Result<Vec<(String, String)>> {
        let mut variables = self.objects.as_ref().map(ObjectServer::environment).unwrap_or_default();
        if let Some(identity) = &self.identity {
            let file = self.temporary.path().join("identity");
            std::fs::write(&file, identity.expose_secret())?;
            variables.push(("SELVEDGE_IDENTITY_FILE".to_owned(), file.display().to_string()));
        }
        Ok(variables)
    }
}

/// What a run of the client left behind.
#[derive(Debug)]
pub struct Ran {
    pub code: u8,
    pub out: String,
    pub err: String,
}

impl World {
    pub async fn new(weaviate: Arc<Weaviate>) -> anyhow::Result<Self> {
        Self::on(weaviate, SiteKind::Folder).await
    }

    /// One whose repository is in a place of this kind.
    pub async fn on(weaviate: Arc<Weaviate>, kind: SiteKind) -> anyhow::Result<Self> {
        let repository = Site::new(kind).await?;
        let server = server::serve(&weaviate, repository.open()?, Serving::default()).await?;
        Ok(Self { rest: Rest::new(&weaviate.rest_url()), weaviate, server, repository })
    }

    /// The object store that the repository is in; `None` if it is a folder.
    pub fn objects(&self) -> Option<&ObjectServer> {
        self.repository.objects.as_ref()
    }

    /// Another world around a Weaviate of its own, of the same flavour and with these settings.
    pub async fn beside(&self, options: WeaviateOptions) -> anyhow::Result<Self> {
        let kind = self.repository.kind;
        Self::on(Arc::new(Weaviate::start(self.weaviate.flavour(), options).await?), kind).await
    }

    /// The variables with which a server process uses its repository.
    pub fn environment(&self) -> anyhow::Result<Vec<(String, String)>> {
        self.repository.environment()
    }

    /// To be stopped and started; only where nobody else uses it.
    pub fn weaviate_mut(&mut self) -> anyhow::Result<&mut Weaviate> {
        Arc::get_mut(&mut self.weaviate).context("others use this Weaviate")
    }

    /// The collections that a backup's manifest lists.
    pub fn backed_up(&self, id: &str) -> anyhow::Result<Vec<String>> {
        let manifest: Value = serde_json::from_slice(&std::fs::read(self.backup_file(id, "backup.json"))?)?;
        let collections = manifest["collections"].as_array().context("a manifest lists collections")?;
        Ok(collections.iter().filter_map(|one| one["name"].as_str().map(str::to_owned)).collect())
    }

    /// The folder that the repository is in.
    pub fn folder(&self) -> &Path {
        &self.repository.folder
    }

    /// A file of a backup.
    pub fn backup_file(&self, id: &str, name: &str) -> PathBuf {
        self.folder().join("backups").join(id).join(name)
    }

    /// What the object store of this process has of uploads that were begun and not ended.
    pub fn unfinished_uploads(&self) -> anyhow::Result<Vec<String>> {
        let entries = std::fs::read_dir(self.folder().parent().context("a bucket is in a folder")?)?;
        let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        let names: Vec<_> = names.collect::<std::io::Result<_>>()?;
        Ok(names.into_iter().filter(|name| name.starts_with(".upload")).collect())
    }

    /// Whether anything at all is left of a backup.
    pub fn has_files(&self, id: &str) -> bool {
        has_any_file(&self.backup_file(id, ""))
    }

    /// The data files of a collection of a backup.
    pub fn data_files(&self, id: &str, collection: &str) -> anyhow::Result<Vec<PathBuf>> {
        let folder = self.backup_file(id, &format!("collections/{collection}/data"));
        let mut files: Vec<_> =
            std::fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
        files.sort();
        ensure!(!files.is_empty(), "no data files in {}", folder.display());
        Ok(files)
    }

    /// Whether this Weaviate is of that version or later.
    pub fn since(&self, major: u64, minor: u64) -> bool {
        let mut numbers = self.weaviate.version().split('.').map_while(|number| number.parse().ok());
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (major, minor)
    }

    pub fn stand_in(&self) -> &StandIn {
        self.weaviate.stand_in().expect("the scenario runs on the stand-in only")
    }

    /// Replaces the server by another one.
    pub async fn serve_with(&mut self, serving: Serving) -> anyhow::Result<()> {
        self.server.stop().await?;
        self.server = self.second_server(serving).await?;
        Ok(())
    }

    /// Replaces the server by one with this store, or this key for Weaviate.
    pub async fn serve_again(
        &mut self,
        store: Option<Arc<dyn ObjectStore>>,
        key: Option<&str>,
    ) -> anyhow::Result<()> {
        let key = key.map(str::to_owned);
        self.serve_with(Serving { store, key, ..Serving::default() }).await
    }

    /// Replaces the server by one that waits so long for Weaviate.
    pub async fn serve_patiently(&mut self, retry_budget: Duration) -> anyhow::Result<()> {
        self.serve_with(Serving { retry_budget, ..Serving::default() }).await
    }

    /// Another server beside the first.
    pub async fn second_server(&self, serving: Serving) -> anyhow::Result<Server> {
        server::serve(&self.weaviate, self.repository.open()?, serving).await
    }

    /// Adds the backups that a version of before format 2 has made: "full", and "partial", which lacks a tenant.
    pub fn add_backups_of_format_1(&self) -> anyhow::Result<()> {
        fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
            if from.is_file() {
                return Ok(std::fs::copy(from, to).map(drop)?);
            }
            std::fs::create_dir_all(to)?;
            std::fs::read_dir(from)?.try_for_each(|entry| {
                let entry = entry?;
                copy(&entry.path(), &to.join(entry.file_name()))
            })
        }
        let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/data/format-1/backups");
        copy(Path::new(kept), &self.folder().join("backups"))
    }

    /// Stops the server as SIGTERM does, and waits until it has ended.
    pub async fn stop_server(&mut self) -> anyhow::Result<()> {
        self.server.stop().await
    }

    /// Runs the client with these arguments, without a terminal.
    pub async fn run(&self, arguments: &[&str]) -> Ran {
        self.run_on(&self.server, arguments).await
    }

    /// The same against another server.
    pub async fn run_on(&self, server: &Server, arguments: &[&str]) -> Ran {
        run_client(&server.url, arguments, None).await
    }

    /// Runs the client at a terminal where somebody types `typed`.
    pub async fn run_typing(&self, arguments: &[&str], typed: &str) -> Ran {
        run_client(&self.server.url, arguments, Some(typed)).await
    }

    /// Runs the client, and fails unless it succeeds.
    pub async fn succeed(&self, arguments: &[&str]) -> anyhow::Result<Ran> {
        let ran = self.run(arguments).await;
        ensure!(
            ran.code == 0,
            "selvedge {} exited {}:\n{}{}",
            arguments.join(" "),
            ran.code,
            ran.out,
            ran.err
        );
        Ok(ran)
    }

    /// Runs the client, and fails unless it exits with `code` and tells `text`.
    pub async fn refuse(&self, arguments: &[&str], code: u8, text: &str) -> anyhow::Result<Ran> {
        let ran = self.run(arguments).await;
        ensure!(
            ran.code == code,
            "selvedge {} exited {}, not {code}:\n{}{}",
            arguments.join(" "),
            ran.code,
            ran.out,
            ran.err
        );
        ensure!(ran.err.contains(text), "\"{text}\" is not in:\n{}", ran.err);
        Ok(ran)
    }

    /// The reason of the error line that the client ends with under `--json`, if any.
    pub async fn reason(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let with_json: Vec<_> = ["--json"].iter().chain(arguments).copied().collect();
        let ran = self.run(&with_json).await;
        let last = ran.out.lines().last().with_context(|| format!("no output: {ran:?}"))?;
        let last: Value = serde_json::from_str(last)?;
        match last["reason"].as_str() {
            Some(reason) => Ok(reason.to_owned()),
            None => bail!("no reason in {last}"),
        }
    }

    /// The backups that the client lists, newest first.
    pub async fn backup_ids(&self) -> anyhow::Result<Vec<String>> {
        let listed = self.succeed(&["--json", "list"]).await?.out;
        let id = |line: &str| {
            Ok(serde_json::from_str::<Value>(line)?["id"].as_str().unwrap_or_default().to_owned())
        };
        listed.lines().map(id).collect()
    }

    /// Where the server listens.
    pub fn server_url(&self) -> &str {
        &self.server.url
    }

    pub async fn channel(&self) -> anyhow::Result<Channel> {
        Ok(Channel::from_shared(self.server.url.clone())?.connect().await?)
    }

    pub async fn collections(&self) -> anyhow::Result<CollectionServiceClient<Channel>> {
        Ok(CollectionServiceClient::new(self.channel().await?))
    }

    pub async fn backups(&self) -> anyhow::Result<BackupServiceClient<Channel>> {
        Ok(BackupServiceClient::new(self.channel().await?))
    }

    pub async fn jobs(&self) -> anyhow::Result<JobServiceClient<Channel>> {
        Ok(JobServiceClient::new(self.channel().await?))
    }
}

/// Whether there is more in a folder than other folders.
pub fn has_any_file(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).any(|path| !path.is_dir() || has_any_file(&path))
}

/// Runs the client against any server.
pub async fn run_client(url: &str, arguments: &[&str], typed: Option<&str>) -> Ran {
    let words: Vec<&str> = ["selvedge", "--server", url].iter().chain(arguments).copied().collect();
    let args = match selvedge::Args::try_parse_from(words) {
        Ok(args) => args,
        Err(error) => return Ran { code: 2, out: String::new(), err: error.to_string() },
    };
    let prints_json = args.options.json && !matches!(args.command, selvedge::Command::Export(_));
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut terminal = selvedge::Terminal::new(&mut out, &mut err);
    if let Some(typed) = typed {
        terminal.interactive = true;
        terminal.input = Box::new(std::io::Cursor::new(format!("{typed}\n").into_bytes()));
    }
    let code = selvedge::run(args, &mut terminal).await.code();
    drop(terminal);
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let ran = Ran { code, out: text(&out), err: text(&err) };
    if prints_json && let Err(error) = check_output(&ran.out) {
        panic!("selvedge {}: {error:#}", arguments.join(" "));
    }
    ran
}
