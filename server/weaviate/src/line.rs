//! The connections to Weaviate's gRPC port.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

use super::CONNECT_TIMEOUT;
use selvedge_model::error::{Error, Kind, Result};

/// A connection that goes silent without closing, as when a load balancer has forgotten it, is noticed by the calls on it
/// that are not answered. Pings of HTTP/2 would tell sooner, but Weaviate takes frequent ones for an attack.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Connections of one cluster. What arrives on one is taken off it by one thread at a time, so that lanes which read side by
/// side should not share it. Measured: three lanes on one connection need a fourth more processor time than on three.
const CONNECTIONS: usize = 4;

/// Connections that are made when they are needed, and can be replaced. Clones share them.
#[derive(Debug, Clone)]
pub struct Line {
    endpoint: Endpoint,
    connections: Arc<Mutex<Vec<Connection>>>,
}

/// Held as long as a call is under way on it.
#[derive(Debug, Clone)]
pub struct Connection {
    pub channel: Channel,
    /// Has a clone for each call under way, and one for the connection itself.
    calls: Arc<()>,
}

impl Line {
    /// Checks the address; connects with the first call.
    pub fn new(url: &str, authorities: Option<&[u8]>) -> Result<Self> {
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
            let mut tls = ClientTlsConfig::new().with_native_roots();
            if let Some(pem) = authorities {
                tls = tls.ca_certificate(Certificate::from_pem(pem));
            }
            endpoint = endpoint.tls_config(tls).map_err(bad)?;
        }
        Ok(Self { endpoint, connections: Arc::default() })
    }

    /// One that nothing is under way on, or the one with the least when there are as many as there may be.
    pub fn connection(&self) -> Connection {
        let mut connections = self.connections();
        let calls = |connection: &&Connection| Arc::strong_count(&connection.calls) - 1;
        match connections.iter().min_by_key(calls) {
            Some(idlest) if calls(&idlest) == 0 || connections.len() == CONNECTIONS => idlest.clone(),
            _ => {
                let new = Connection { channel: self.endpoint.connect_lazy(), calls: Arc::default() };
                connections.push(new.clone());
                new
            }
        }
    }

    /// Later calls are made on fresh connections: what has silenced this one has silenced those that are as old. Those that
    /// were made since are kept.
    pub fn give_up(&self, silent: &Connection) {
        let mut connections = self.connections();
        if connections.iter().any(|connection| Arc::ptr_eq(&connection.calls, &silent.calls)) {
            connections.clear();
        }
    }

    fn connections(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn calls_share_a_connection_only_when_there_are_enough() {
        let line = Line::new("http://localhost:1", None).unwrap();
        let is_same = |a: &Connection, b: &Connection| Arc::ptr_eq(&a.calls, &b.calls);
        let first = line.connection();
        let second = line.connection();
        assert!(!is_same(&first, &second));
        let one = first.clone();
        drop(first);
        drop(one);
        let again = line.connection();
        assert!(!is_same(&again, &second));
        let others: Vec<_> = (0..CONNECTIONS).map(|_| line.connection()).collect();
        assert_eq!(line.connections().len(), CONNECTIONS);
        assert!(others.iter().any(|other| is_same(other, &again)));
    }

    #[tokio::test]
    async fn after_one_that_is_silent_all_are_made_anew() {
        let line = Line::new("http://localhost:1", None).unwrap();
        let is_same = |a: &Connection, b: &Connection| Arc::ptr_eq(&a.calls, &b.calls);
        let [silent, idle] = [line.connection(), line.connection()];
        let was_idle = idle.clone();
        drop(idle);
        line.give_up(&silent);
        let fresh = line.connection();
        assert!(!is_same(&fresh, &silent) && !is_same(&fresh, &was_idle));
        // Another call on an old one runs into its limit.
        line.give_up(&was_idle);
        assert_eq!(line.connections().len(), 1);
    }
}
