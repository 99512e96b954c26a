//! Traces for OpenTelemetry: a span for each job, for each of its phases, and for each task in them.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracerProvider, Tracer};
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::registry::LookupSpan;

use selvedge_model::error::{Error, Result};
use selvedge_ops::TRACED;

/// By which the server is known where traces are kept, unless `OTEL_SERVICE_NAME` says otherwise.
const SERVICE: &str = "selvedge-server";
/// For the last traces. Whoever stops a server does not wait for those who look at it.
const PATIENCE: Duration = Duration::from_secs(2);
/// The span of a job, which the log knows as well.
const JOB: &str = "job";

/// Where traces go.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// To a collector that speaks OTLP over gRPC at this address. It is not asked whether it is there: who looks after a server
    /// must not stop it.
    pub fn to(endpoint: &str) -> Result<Self> {
        // Before any error that quotes it.
        if endpoint.contains('@') {
            let text = "--otlp-endpoint must not hold a user or a password";
            return Err(Error::invalid("otlp_endpoint", text)
                .hint("put what the collector wants to know into OTEL_EXPORTER_OTLP_HEADERS"));
        }
        let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build();
        let exporter = exporter.map_err(|error| {
            Error::invalid("otlp_endpoint", format!("--otlp-endpoint \"{endpoint}\" cannot be used"))
                .hint("write it as http://host:port, such as http://localhost:4317")
                .caused_by(error)
        })?;
        let mut resource = Resource::builder();
        if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
            resource = resource.with_service_name(SERVICE);
        }
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let provider = SdkTracerProvider::builder()
            .with_resource(resource.with_attribute(version).build())
            .with_batch_exporter(exporter)
            .build();
        Ok(Self(provider))
    }

    pub fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let layer: OpenTelemetryLayer<S, Tracer> =
            tracing_opentelemetry::layer().with_tracer(self.0.tracer(SERVICE)).with_location(false);
        let is_traced = filter_fn(|metadata| {
            metadata.is_span() && (metadata.target() == TRACED || metadata.name() == JOB)
        });
        layer.with_filter(is_traced.with_max_level_hint(LevelFilter::INFO))
    }

    /// Sends what has not been sent, unless that takes long.
    pub async fn end(self) {
        // A thread of its own: those of the runtime may all be at a folder that hangs.
        let (told, ended) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || told.send(self.0.shutdown_with_timeout(PATIENCE)));
        match tokio::time::timeout(PATIENCE, ended).await {
            Ok(Ok(Ok(()))) => {}
            _ => tracing::warn!("the last traces could not be sent"),
        }
    }
}
