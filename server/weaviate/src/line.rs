//! The connection to Weaviate's gRPC port.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tonic::transport::{Channel, ClientTlsConfig, Endpoint};

use super::CONNECT_TIMEOUT;
use selvedge_model::error::{Error, Kind, Result};

/// A connection that goes silent without closing, as when a load balancer has forgotten it, is noticed by the calls on it
/// that are not answered. Pings of HTTP/2 would tell sooner, but Weaviate takes frequent ones for an attack.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// A channel that can be replaced. Clones share it.
#[derive(Debug, Clone)]
pub struct Line {
    endpoint: Endpoint,
    current: Arc<Mutex<Generation>>,
}

#[derive(Debug, Clone)]
pub struct Generation {
    pub channel: Channel,
    number: u64,
}

impl Line {
    /// Checks the address; connects with the first call.
    pub fn new(url: &str) -> Result<Self> {
        let bad = |error: tonic::transport::Error| {
            Error::new(Kind::WeaviateUnreachable, format!("\"{url}\" is no address of a gRPC port"))
                .hint("write it as http://host:50051 or https://host:443")
                .caused_by(error)
        };
        let mut endpoint = Endpoint::from_shared(url.to_owned())
            .map_err(bad)?
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_keepalive(Some(KEEPALIVE))
            .http2_adaptive_window(true)
            .tcp_nodelay(true);
        if url.starts_with("https://") {
            endpoint = endpoint.tls_config(ClientTlsConfig::new().with_native_roots()).map_err(bad)?;
        }
        let current = Generation { channel: endpoint.connect_lazy(), number: 0 };
        Ok(Self { endpoint, current: Arc::new(Mutex::new(current)) })
    }

    pub fn current(&self) -> Generation {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Later calls take a fresh connection, if nobody has replaced this one already.
    pub fn replace(&self, silent: &Generation) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.number == silent.number {
            *current = Generation { channel: self.endpoint.connect_lazy(), number: silent.number + 1 };
        }
    }
}
