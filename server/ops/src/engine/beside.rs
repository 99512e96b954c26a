//! Another place that objects go to on their way into a backup.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use selvedge_archive::Written;
use selvedge_model::UuidRange;
use selvedge_model::error::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::into_archive::DataFileSink;
use super::{IntoArchive, Page, Sink, Sinks};

/// Where the objects of a collection go besides.
pub trait Beside: Send + Sync + 'static {
    /// `room` is how much a page weighs at most.
    fn open(&self, room: usize) -> Box<dyn BesideSink>;

    /// What an earlier attempt has left behind there counts.
    fn take_back(&self, left: &Value) -> Result<()>;

    /// Objects that are not there any more, of a tenant or of a collection without tenants.
    fn delete<'a>(&'a self, tenant: Option<&'a str>, ids: &'a [Uuid]) -> BoxFuture<'a, Result<()>>;

    /// Tenants that are not there any more.
    fn delete_tenants<'a>(&'a self, tenants: &'a [String]) -> BoxFuture<'a, Result<()>>;
}

/// Takes the objects of a task, as a [`Sink`] does.
pub trait BesideSink: Send {
    fn take(&mut self, page: Page) -> BoxFuture<'_, Result<()>>;
    fn is_full(&self) -> bool;
    fn flush(&mut self) -> BoxFuture<'_, Result<()>>;
    /// What it leaves behind, and whether that tells of something that Weaviate refused.
    fn seal(self: Box<Self>) -> BoxFuture<'static, Result<(Value, bool)>>;
    fn abandon(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// Into the data files of a backup, and perhaps to another place too.
pub struct IntoBackup {
    archive: IntoArchive,
    beside: Option<Arc<dyn Beside>>,
}

impl IntoBackup {
    pub fn new(archive: IntoArchive, beside: Option<&Arc<dyn Beside>>) -> Self {
        Self { archive, beside: beside.cloned() }
    }
}

/// What became of some objects.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Moved {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
    /// What the other place has left behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    beside: Option<Value>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    tells_of_refusals: bool,
}

impl Sinks for IntoBackup {
    type Sink = BackupSink;
    type Left = Moved;

    fn open(&self, room: usize) -> BackupSink {
        let beside = self.beside.as_ref().map(|beside| beside.open(room));
        BackupSink { file: self.archive.open(room), beside }
    }

    fn keeps(&self) -> usize {
        self.archive.keeps()
    }

    async fn take_back(&self, left: &Moved) -> Result<bool> {
        if !self.archive.take_back(&left.written).await? {
            return Ok(false);
        }
        match (&self.beside, &left.beside) {
            (None, None) => Ok(true),
            (Some(beside), Some(left)) => beside.take_back(left).map(|()| true),
            _ => Err(Error::internal("a record is of another kind of job")),
        }
    }

    fn tells_of_refusals(left: &Moved) -> bool {
        left.tells_of_refusals
    }
}

pub struct BackupSink {
    file: DataFileSink,
    beside: Option<Box<dyn BesideSink>>,
}

impl Sink for BackupSink {
    type Left = Moved;

    async fn take(&mut self, page: Page) -> Result<()> {
        if let Some(beside) = &mut self.beside {
            let Page { tenant, batch, bytes, passed, origin, digests } = &page;
            let (tenant, batch, digests) = (tenant.clone(), batch.clone(), digests.clone());
            beside
                .take(Page { tenant, batch, bytes: *bytes, passed: *passed, origin: *origin, digests })
                .await?;
        }
        self.file.take(page).await
    }

    fn is_full(&self) -> bool {
        self.file.is_full() || self.beside.as_ref().is_some_and(|beside| beside.is_full())
    }

    async fn flush(&mut self) -> Result<()> {
        if let Some(beside) = &mut self.beside {
            beside.flush().await?;
        }
        self.file.flush().await
    }

    /// What is written down to be done is where it belongs, in both places.
    async fn seal(self, ids: Option<UuidRange>) -> Result<Moved> {
        let Self { file, beside } = self;
        let (beside, tells_of_refusals) = match beside {
            None => (None, false),
            Some(beside) => match beside.seal().await {
                Ok((left, tells_of_refusals)) => (Some(left), tells_of_refusals),
                Err(error) => {
                    file.abandon().await;
                    return Err(error);
                }
            },
        };
        Ok(Moved { written: file.seal(ids).await?, beside, tells_of_refusals })
    }

    async fn abandon(self) {
        if let Some(beside) = self.beside {
            beside.abandon().await;
        }
        self.file.abandon().await;
    }
}
