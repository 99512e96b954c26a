//! Whether Weaviate is whole.
//!
//! While it starts, Weaviate answers: with the collections and tenants that its log has replayed so far, and with "not
//! found" for the rest, all with status 200 or 404 as if that were the truth. So what lists, counts or denies is believed
//! only of a Weaviate that was whole before the answer and after it.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Cluster;
use selvedge_model::error::{Error, Kind, Result};

const READY: &str = "/v1/.well-known/ready";
const STATISTICS: &str = "/v1/cluster/statistics";
const SERVICE_UNAVAILABLE: u16 = 503;
/// In less time, no Weaviate is killed, started, and answers again: one that was seen whole is so still, or does not answer.
const SHORTEST_RESTART: Duration = Duration::from_millis(300);

/// When a Weaviate was seen whole. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Whole(Arc<Mutex<Option<Instant>>>);

impl Whole {
    fn last(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Of several looks, the last one to be asked for counts.
    fn seen_since(&self, asked: Instant) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *last = last.max(Some(asked));
    }
}

impl Cluster {
    /// Repeats a call that lists or denies, until its answer can be believed.
    pub(super) async fn believed<T, F>(&self, call: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        self.between_looks(call, Duration::ZERO).await
    }

    /// As [`Cluster::believed`], for calls of which there are many. One look is enough for all those that are answered before
    /// Weaviate could have been started again.
    pub(super) async fn believed_in_a_row<T, F>(&self, call: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        self.between_looks(call, SHORTEST_RESTART).await
    }

    /// The second look may be left out if the first was so short a time ago.
    async fn between_looks<T, F>(&self, call: impl Fn() -> F, recent: Duration) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        self.retrying(async || {
            if !self.was_whole_within(SHORTEST_RESTART) {
                self.check_whole().await?;
            }
            let answer = call().await?;
            if !self.was_whole_within(recent) {
                self.check_whole().await?;
            }
            Ok(answer)
        })
        .await
    }

    /// Waits until Weaviate is whole. What it denies right after that can be believed.
    pub(super) async fn await_whole(&self) -> Result<()> {
        self.retrying(async || match self.was_whole_within(SHORTEST_RESTART) {
            true => Ok(()),
            false => self.check_whole().await,
        })
        .await
    }

    /// What is said to be missing may be there as soon as Weaviate has started.
    pub(super) async fn unless_starting(&self, error: Error) -> Error {
        if !matches!(error.kind(), Kind::CollectionNotFound | Kind::TenantNotFound) {
            return error;
        }
        match self.check_whole().await {
            Ok(()) => error,
            Err(cancelled) if cancelled.kind() == Kind::Cancelled => cancelled,
            Err(starting) => starting.caused_by(error),
        }
    }

    /// As [`Cluster::unless_starting`], for what gRPC says of a collection. REST may know better: it knows a collection a
    /// moment before gRPC does.
    pub(super) async fn unless_behind(&self, error: Error, collection: &str) -> Error {
        if error.kind() != Kind::CollectionNotFound {
            return error;
        }
        let path = format!("/v1/schema/{collection}");
        match self.rest.get("read the schema", &path, &[]).await {
            Ok(Some(_)) => Error::new(Kind::WeaviateOverloaded, "Weaviate is starting").caused_by(error),
            _ => error,
        }
    }

    fn was_whole_within(&self, time: Duration) -> bool {
        self.whole.last().is_some_and(|seen| seen.elapsed() < time)
    }

    /// Fails, in a way that passes, while Weaviate is starting.
    pub(super) async fn check_whole(&self) -> Result<()> {
        // Not when the answer is looked at: on a busy machine Weaviate may have been started again since it was given.
        let asked = Instant::now();
        self.ask_whether_whole().await?;
        self.whole.seen_since(asked);
        Ok(())
    }

    async fn ask_whether_whole(&self) -> Result<()> {
        let status = self.rest.status("ask Weaviate whether it is ready", READY).await?;
        match status {
            200..300 => Ok(()),
            SERVICE_UNAVAILABLE if self.is_loaded().await => Ok(()),
            SERVICE_UNAVAILABLE => Err(Error::new(
                Kind::WeaviateOverloaded,
                "Weaviate is starting: it shows only a part of what it has (it is not ready, HTTP 503)",
            )
            .hint("try again when Weaviate is ready; its log says what keeps it")),
            other => Err(Error::new(
                Kind::WeaviateRefused,
                format!("cannot tell whether Weaviate has started: GET {READY} answers HTTP {other}"),
            )
            .hint("let the proxy in front of Weaviate pass this path")),
        }
    }

    /// Weaviate is also not ready when one of its modules cannot reach its service, or in maintenance. What the nodes say of
    /// their databases then tells whether all is there.
    async fn is_loaded(&self) -> bool {
        let Ok(Some(found)) = self.statistics().await else { return false };
        let nodes = found["statistics"].as_array().map_or(&[][..], Vec::as_slice);
        let is_loaded = |node: &serde_json::Value| node["dbLoaded"] == true && node["ready"] == true;
        found["synchronized"] == true && !nodes.is_empty() && nodes.iter().all(is_loaded)
    }

    /// What the nodes say of themselves.
    pub(super) async fn statistics(&self) -> Result<Option<serde_json::Value>> {
        self.rest.get("read the cluster's statistics", STATISTICS, &[]).await
    }
}
