//! What the server says of itself to load balancers and probes.

use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

/// `grpc.health.v1.Health` for the server as a whole (the empty name) and for each service.
#[derive(Clone)]
pub struct Health {
    reporter: HealthReporter,
    names: Vec<&'static str>,
}

impl Health {
    pub async fn serving(reporter: HealthReporter, services: &[&'static str]) -> Self {
        let names = std::iter::once("").chain(services.iter().copied()).collect();
        let health = Self { reporter, names };
        health.set(ServingStatus::Serving).await;
        health
    }

    /// The server answers in any case; if it is not ready, new calls had better go elsewhere.
    pub async fn tell(&self, is_ready: bool) {
        self.set(if is_ready { ServingStatus::Serving } else { ServingStatus::NotServing }).await;
    }

    /// Ends the streams of those that watch, which would hold up the end of the server.
    pub async fn end(mut self) {
        for name in &self.names {
            self.reporter.clear_service_status(name).await;
        }
    }

    async fn set(&self, status: ServingStatus) {
        for name in &self.names {
            self.reporter.set_service_status(name, status).await;
        }
    }
}
