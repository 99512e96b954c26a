//! An in-memory Weaviate: REST and gRPC, as far as Selvedge uses them, with faults on demand.
//!
//! It answers as server 1.39 does (defaults added to schemas, refusals and their texts, upserts, per-object errors,
//! cursor order, tenants, misread values, page and message limits). The real server is the referee: a difference is a
//! bug here, unless it is in the list of [`known differences`](#known-differences). It shares no code with Selvedge.
//!
//! # Known differences
//!
//! * Auto-schema is off: unknown classes and properties are refused per object, as with `AUTOSCHEMA_ENABLED=false`.
//! * Phone numbers are parsed with a handful of calling codes, not with libphonenumber.
//! * Index settings are completed and compared, but ranges are not checked (`efConstruction: 1` is taken).
//! * One node; which shard an object is in is decided by another hash. `/v1/nodes` counts objects at once, the real one
//!   only flushed segments, and it leaves out tenants that it has not loaded yet.
//! * A refused PUT changes nothing; the real one may leave parts of it behind. A quantizer is on at once, needs no
//!   training, and never makes a shard read-only.
//! * As 1.27 it has that version's calls and defaults, but not all of its texts and gaps; a beacon that cannot be read
//!   is told as 1.39 does, where 1.27 may lose the whole answer.
//! * One vectorizer module is known, `text2vec-openai`, and it never has a key.
//! * It starts as slowly as a test says, and meanwhile a class has its first property and no tenants; the real one replays
//!   every single change. It refuses to write until it is ready.
//! * `ref2vec-centroid` makes no vectors. A reference without a class is looked for in all classes, where the real one fails
//!   if it comes across one with tenants.
//! * Objects expire, but nothing deletes them. A dropped vector index keeps its entry and its vectors until a test says
//!   that the cleanup is done; the real one does it by itself after a while.
//! * A confined key writes by REST only what it may write everywhere; a search asks for no right on referenced classes.
//! * Roles that are made and given grant nothing: what a key may do is said when it starts. Nor does it ask whether who makes or
//!   gives a role has all that it permits. There are users with keys of the environment, and no others.

mod auth;
mod contents;
pub(crate) mod door;
pub mod faults;
pub(crate) mod gate;
mod graphql;
mod grpc;
mod json;
mod objects;
mod refusal;
mod rest;
mod rights;
mod schema;
mod starting;
mod tenants;
mod version;

#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use contents::Contents;
use door::{Door, WayOut};
pub use faults::Faults;
pub use rights::{Key, Permission};
pub use version::Version;

/// The default of `GRPC_MAX_MESSAGE_SIZE`.
const MAX_MESSAGE_BYTES: usize = 104_858_000;

#[derive(Clone, Debug)]
pub struct StandInOptions {
    /// Behaves as this version as far as it is known; tried are 1.39.0 and 1.27.27.
    pub version: String,
    /// Demanded of every call but `/v1/.well-known/*` when set. It may do everything.
    pub api_key: Option<String>,
    /// More keys, each confined to its permissions; with any of them access control is on.
    pub keys: Vec<Key>,
    /// Longer replies fail with `ResourceExhausted`, longer requests are refused.
    pub max_message_bytes: usize,
    /// `QUERY_MAXIMUM_RESULTS`.
    pub max_results: usize,
    /// Vectorizer, generative and reranker modules that `/v1/meta` lists.
    pub modules: Vec<String>,
    /// Classes may let their objects expire, as with `OBJECTS_TTL_DELETE_SCHEDULE`.
    pub ttl: bool,
    /// As with `ENABLE_EXPERIMENTAL_ALTER_SCHEMA_DROP_VECTOR_INDEX_ENDPOINT`.
    pub drops_vectors: bool,
    /// 0 picks a free one, here and below.
    pub rest_port: u16,
    pub grpc_port: u16,
}

impl Default for StandInOptions {
    fn default() -> Self {
        Self {
            version: "1.39.0".into(),
            api_key: None,
            keys: Vec::new(),
            max_message_bytes: MAX_MESSAGE_BYTES,
            max_results: 10_000,
            modules: ["generative-openai", "reranker-cohere", "text2vec-openai"].map(String::from).to_vec(),
            ttl: false,
            drops_vectors: false,
            rest_port: 0,
            grpc_port: 0,
        }
    }
}

/// What REST, gRPC and the gate share.
pub(crate) struct Shared {
    pub options: StandInOptions,
    pub version: Version,
    pub rest_url: String,
    pub contents: Contents,
    pub faults: Faults,
}

/// A running stand-in on loopback. Stops when dropped.
pub struct StandIn {
    shared: Arc<Shared>,
    grpc: SocketAddr,
    stop: CancellationToken,
    doors: Vec<JoinHandle<()>>,
}

impl StandIn {
    pub async fn start(options: StandInOptions) -> anyhow::Result<Self> {
        let faults = Faults::default();
        let rest_door = Door::open((Ipv4Addr::LOCALHOST, options.rest_port).into(), faults.clone()).await?;
        let grpc_door = Door::open((Ipv4Addr::LOCALHOST, options.grpc_port).into(), faults.clone()).await?;
        let rest_url = format!("http://{}", rest_door.address()?);
        let grpc = grpc_door.address()?;
        let version = Version::parse(&options.version).context("the stand-in's version")?;
        let contents = Contents::new(version, &options);
        let shared = Arc::new(Shared { options, version, rest_url, contents, faults });
        let stop = CancellationToken::new();
        let doors = vec![
            serve(rest_door, rest::routes(shared.clone()), shared.clone(), stop.clone()),
            serve(grpc_door, grpc::routes(shared.clone()), shared.clone(), stop.clone()),
        ];
        Ok(Self { shared, grpc, stop, doors })
    }

    pub fn rest_url(&self) -> String {
        self.shared.rest_url.clone()
    }

    pub fn grpc_url(&self) -> String {
        format!("http://{}", self.grpc)
    }

    pub fn version(&self) -> &str {
        &self.shared.options.version
    }

    /// What to do to which call; a clone scripts the same stand-in.
    pub fn faults(&self) -> Faults {
        self.shared.faults.clone()
    }

    /// The stored classes and objects, past the API; a clone sees the same ones.
    pub fn contents(&self) -> Contents {
        self.shared.contents.clone()
    }

    /// As after a restart: all that it holds comes back piece by piece, with so much time between two of them, and until then
    /// it is not ready.
    pub fn start_again(&self, pause: std::time::Duration) {
        self.shared.contents.start_again(pause);
        self.shared.faults.up();
    }

    /// Cuts open connections and frees the ports; the contents are gone.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        self.shared.faults.cut_all();
        for door in std::mem::take(&mut self.doors) {
            // A task that was cancelled or panicked is as stopped as one that ended.
            let _ = door.await;
        }
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.stop.cancel();
        self.shared.faults.cut_all();
        self.doors.iter().for_each(JoinHandle::abort);
    }
}

fn serve(door: Door, routes: Router, shared: Arc<Shared>, stop: CancellationToken) -> JoinHandle<()> {
    let gate = axum::middleware::from_fn_with_state(shared, gate::pass);
    let service = routes.layer(gate).into_make_service_with_connect_info::<WayOut>();
    tokio::spawn(async move {
        let serving = axum::serve(door, service);
        tokio::select! {
            // `axum::serve` ends only when told to.
            _ = async { serving.await } => {}
            () = stop.cancelled() => {}
        }
    })
}
