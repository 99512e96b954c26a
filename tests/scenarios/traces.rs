//! What the server sends to whoever keeps traces.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, ensure};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::world::World;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

use crate::kills::killable::Killable;

/// What a collector has been sent.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.lock().expect("what was sent").push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    fn spans(&self) -> Vec<Span> {
        let sent = self.0.lock().expect("what was sent");
        let resources = sent.iter().flat_map(|request| &request.resource_spans);
        resources.flat_map(|one| &one.scope_spans).flat_map(|scope| scope.spans.clone()).collect()
    }

    fn services(&self) -> String {
        let sent = self.0.lock().expect("what was sent");
        format!(
            "{:?}",
            sent.iter()
                .flat_map(|request| &request.resource_spans)
                .map(|one| &one.resource)
                .collect::<Vec<_>>()
        )
    }
}

pub async fn a_span_for_each_job_phase_and_task(world: &mut World) -> anyhow::Result<()> {
    seed::sharded(&world.rest, "Many", 1, 2_000).await?;
    let collector = Collector::default();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    let serving = tonic::transport::Server::builder()
        .add_service(TraceServiceServer::new(collector.clone()))
        .serve_with_incoming(TcpListenerStream::new(listener));
    tokio::spawn(serving);

    let mut server = Killable::start(world).await?;
    server.stop().await?;
    server.settings.env.push(("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), endpoint));
    server.start_again().await?;
    server.succeed(&["backup", "--id", "b"]).await?;
    server.succeed(&["restore", "b", "--rename", "Many=Copy"]).await?;
    // What was not sent yet is sent when it stops.
    server.stop().await?;

    let spans = collector.spans();
    ensure!(collector.services().contains("selvedge-server"), "{}", collector.services());
    let by_id: BTreeMap<_, _> = spans.iter().map(|span| (span.span_id.clone(), span)).collect();
    let names = |name: &str| spans.iter().filter(|span| span.name == name).collect::<Vec<_>>();
    ensure!(names("job").len() == 2, "{:?}", spans.iter().map(|span| &span.name).collect::<Vec<_>>());
    for phase in ["Planning", "Reading", "Committing", "Writing", "Checking"] {
        let phases = names(phase);
        ensure!(!phases.is_empty(), "no phase {phase}");
        for span in phases {
            let parent = by_id.get(&span.parent_span_id).context("a phase without a job")?;
            ensure!(parent.name == "job" && parent.trace_id == span.trace_id, "{phase}: {parent:?}");
            ensure!(span.end_time_unix_nano <= parent.end_time_unix_nano, "{phase} is longer than its job");
        }
    }
    let tasks = names("task");
    ensure!(tasks.len() >= 2, "{} tasks", tasks.len());
    for task in tasks {
        let parent = by_id.get(&task.parent_span_id).context("a task without a phase")?;
        ensure!(
            ["Reading", "Writing", "Checking", "CheckingBackup"].contains(&parent.name.as_str()),
            "{parent:?}"
        );
        ensure!(format!("{:?}", task.attributes).contains("Many"), "{:?}", task.attributes);
    }

    // A collector that never answers is in nobody's way.
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = format!("http://{}", silent.local_addr()?);
    server.settings.env.pop();
    server.settings.env.push(("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), endpoint));
    server.start_again().await?;
    server.succeed(&["verify", "b"]).await?;
    let stopping = tokio::time::timeout(Duration::from_secs(15), server.stop());
    stopping.await.context("it waits for a collector that does not answer")?
}
